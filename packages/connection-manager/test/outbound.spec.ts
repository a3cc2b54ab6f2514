import { seededRng } from '@penin/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  planOutbound,
  PREDECESSOR_LIMITS,
  type OutboundCandidate,
  type OutboundDial,
  type OutboundPeer,
  type OutboundSituation,
  type PlannedOutbound
} from '../src/index.js'

function candidate(id: string, fields: Partial<OutboundCandidate> = {}): OutboundCandidate {
  return { id, group: `group of ${id}`, scope: 'public', origin: 'tried', ...fields }
}

function candidates(count: number, fields: Partial<OutboundCandidate> = {}, name = 'c'): OutboundCandidate[] {
  return Array.from({ length: count }, (_, n) => candidate(`${name}${n}`, fields))
}

function connected(id: string, fields: Partial<OutboundPeer> = {}): OutboundPeer {
  return { id, group: `group of ${id}`, scope: 'public', connectedAt: 0, ...fields }
}

function dial(id: string, reason: OutboundDial['reason'], group = `group of ${id}`): OutboundDial {
  return { id, group, scope: 'public', reason }
}

function plan(fields: Partial<OutboundSituation>, seed = 1): PlannedOutbound[] {
  const { outbound = [] } = fields
  const situation: OutboundSituation = {
    candidates: [],
    outbound,
    dialling: [],
    counts: { inbound: 0, outbound: outbound.length },
    limits: { ...PREDECESSOR_LIMITS, minOutbound: 0 },
    target: 8,
    maxParallel: 100,
    ...fields
  }
  return planOutbound(situation, seededRng(seed))
}

function reasons(dials: PlannedOutbound[]): Record<string, number> {
  const groups = Map.groupBy(dials, ({ reason }) => reason)
  return Object.fromEntries([...groups].map(([reason, list]) => [reason, list.length]))
}

function ids(dials: PlannedOutbound[]): string[] {
  return dials.map(({ dial: id }) => id)
}

describe('how many are dialled', () => {
  it.each([
    ['as many as are missing', {}, 8],
    ['none, when there are enough', { counts: { inbound: 8, outbound: 0 } }, 0],
    ['less those under way', { dialling: [dial('x', 'tried'), dial('y', 'manual')] }, 6],
    ['persistent ones under way apart', { dialling: [dial('x', 'persistent')] }, 8],
    ['the outbound minimum, whatever comes in', { counts: { inbound: 40, outbound: 0 }, min: 5 }, 5],
    ['no more than at once', { maxParallel: 3 }, 3],
    ['no more than the outbound limit', { limit: 4 }, 4],
    ['no more than the total leaves', { counts: { inbound: 50, outbound: 47 }, target: 200, limit: 60 }, 3],
    ['as if surplus inbound connections were not there', { counts: { inbound: 97, outbound: 0 }, min: 10 }, 10],
    ['all three times, when less than a third succeed', { outcomes: { dials: 30, successes: 9 } }, 24],
    ['no more than missing, when a third succeeds', { outcomes: { dials: 30, successes: 10 } }, 8],
    ['no more than missing, while nothing is known of success', { outcomes: { dials: 9, successes: 0 } }, 8],
    ['three times, but not beyond the limit', { outcomes: { dials: 30, successes: 0 }, limit: 10 }, 10]
  ])(
    '%s',
    (_, { min = 0, limit = 50, ...fields }: Partial<OutboundSituation> & { min?: number; limit?: number }, count) => {
      const limits = { ...PREDECESSOR_LIMITS, outbound: limit, minOutbound: min }
      expect(plan({ candidates: candidates(60), limits, ...fields })).toHaveLength(count)
    }
  )

  it('nobody is dialled who is connected or being dialled, and nobody twice', () => {
    const list = [...candidates(3), ...candidates(3)]
    expect(ids(plan({ candidates: list, outbound: [connected('c0')], dialling: [dial('c1', 'tried')] }))).toEqual([
      'c2'
    ])
  })
})

describe('in which order', () => {
  it('anchors, configured peers, wanted capabilities, other groups, repeats', () => {
    const list = [
      candidate('repeat', { group: 'g' }),
      candidate('new', { group: 'g', origin: 'new' }),
      candidate('able', { capabilities: ['tools'] }),
      candidate('seed', { origin: 'seed' }),
      candidate('persistent', { origin: 'persistent' }),
      candidate('anchor', { origin: 'anchor' })
    ]
    const dials = plan({ candidates: list, wishes: [{ capability: 'tools', missing: 1 }] })
    expect(dials.map(({ reason }) => reason)).toEqual([
      'anchor',
      'persistent',
      'seed',
      'capability',
      expect.any(String),
      'repeat'
    ])
    expect(dials[3]).toMatchObject({ dial: 'able', capability: 'tools' })
  })

  it('configured peers are dialled over the target and over the limits; seeds only while peers are missing', () => {
    const list = [
      candidate('persistent', { origin: 'persistent' }),
      candidate('bootstrap', { origin: 'bootstrap' }),
      candidate('seed', { origin: 'seed' }),
      candidate('other')
    ]
    const full = { counts: { inbound: 50, outbound: 50 } }
    expect(ids(plan({ candidates: list, ...full })).sort()).toEqual(['bootstrap', 'persistent'])
  })

  it('configured peers that are all dead leave half of the dials to others', () => {
    const list = [...candidates(20, { origin: 'persistent' }, 'p'), ...candidates(20)]
    expect(reasons(plan({ candidates: list, maxParallel: 8 }))).toEqual({ persistent: 4, tried: 4 })
    const dialling = Array.from({ length: 4 }, (_, n) => dial(`p${n}`, 'persistent'))
    expect(reasons(plan({ candidates: list, maxParallel: 8, dialling }))).toEqual({ tried: 4 })
    expect(reasons(plan({ candidates: list.slice(0, 20), maxParallel: 8 }))).toEqual({ persistent: 8 })
  })

  it('the order of the book is kept among equals', () => {
    expect(ids(plan({ candidates: candidates(20) }))).toEqual(['c0', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7'])
  })

  it.each([
    ['twice as good, about twice as often', 100, 50, 1.4, 3],
    ['alike, alike', 50, 50, 0.8, 1.25],
    ['a stranger, no better than a good peer', 80, 50, 1.2, 2.5]
  ])('reputation %s', (_, good, other, low, high) => {
    let [goods, others] = [0, 0]
    for (let seed = 0; seed < 300; seed++) {
      const list = Array.from({ length: 40 }, (__, n) => {
        const isGood = (n + seed) % 2 === 0
        return candidate(`${isGood ? 'good' : 'other'}${n}`, { score: isGood ? good : other })
      })
      const chosen = ids(plan({ candidates: list }, seed))
      goods += chosen.filter((id) => id.startsWith('good')).length
      others += chosen.filter((id) => id.startsWith('other')).length
    }
    expect(goods / others).toBeGreaterThan(low)
    expect(goods / others).toBeLessThan(high)
  })

  it('a peer without any reputation left is still dialled when there is nobody else', () => {
    expect(ids(plan({ candidates: [candidate('bad', { score: 0 })] }))).toEqual(['bad'])
  })
})

describe('one outbound connection of a public group', () => {
  it('Sybils of one public /24 get one, while honest peers of other groups are to be had', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 200 }), fc.nat(100), (seed, sybils, score) => {
        const list = [...candidates(sybils, { group: '203.0', score: 100, origin: 'tried' }, 'sybil')]
        list.push(...candidates(8, { origin: 'new', score }, 'honest'))
        const dials = plan({ candidates: list }, seed)
        expect(dials).toHaveLength(8)
        expect(dials.filter(({ group }) => group === '203.0').length).toBeLessThanOrEqual(1)
      })
    )
  })

  it('nor do they get another one through a capability that all of them claim', () => {
    const list = [
      ...candidates(50, { group: '203.0', capabilities: ['tools'] }, 'sybil'),
      ...candidates(10, {}, 'honest')
    ]
    const dials = plan({ candidates: list, wishes: [{ capability: 'tools', missing: 5 }] })
    expect(dials.filter(({ group }) => group === '203.0')).toHaveLength(1)
  })

  it('Sybils of many groups that claim a capability get half of the dials for it', () => {
    const list = [...candidates(20, {}, 'honest'), ...candidates(50, { capabilities: ['tools'] }, 'sybil')]
    expect(reasons(plan({ candidates: list, wishes: [{ capability: 'tools', missing: 50 }] }))).toEqual({
      capability: 4,
      tried: 4
    })
  })

  it('when there are enough peers, those with a wanted capability are dialled all the same, two at once, within the limits', () => {
    const list = [...candidates(20), ...candidates(20, { capabilities: ['tools'] }, 'able')]
    const full = {
      candidates: list,
      counts: { inbound: 8, outbound: 0 },
      wishes: [{ capability: 'tools', missing: 5 }]
    }
    expect(plan({ ...full, wishes: [] })).toEqual([])
    expect(reasons(plan(full))).toEqual({ capability: 2 })
    expect(reasons(plan({ ...full, dialling: [dial('x', 'capability')] }))).toEqual({ capability: 1 })
    expect(plan({ ...full, wishes: [{ capability: 'tools', missing: 1 }] })).toHaveLength(1)
    const limits = { ...PREDECESSOR_LIMITS, minOutbound: 0 }
    expect(plan({ ...full, limits: { ...limits, total: 9 } })).toHaveLength(1)
    expect(plan({ ...full, limits: { ...limits, total: 8 } })).toEqual([])
  })

  it('of those that repeat a group, the ones with a wanted capability come first, as many as are missing', () => {
    const list = [
      ...candidates(10, { group: '203.0' }),
      ...candidates(10, { group: '203.0', capabilities: ['tools'] }, 'able')
    ]
    const outbound = [connected('x', { group: '203.0' })]
    const dials = plan({ candidates: list, outbound, target: 5, wishes: [{ capability: 'tools', missing: 2 }] })
    expect(reasons(dials)).toEqual({ repeat: 4 })
    expect(ids(dials).filter((id) => id.startsWith('able'))).toHaveLength(2)
  })

  it.each([
    ['connected', { outbound: [connected('x', { group: '203.0' })] }],
    ['being dialled', { dialling: [dial('x', 'tried', '203.0')] }],
    ['connected as a persistent peer', { outbound: [connected('x', { group: '203.0', exempt: true })] }]
  ])('a group is taken by a peer that is %s', (_, fields) => {
    const list = [...candidates(5, { group: '203.0' }, 'same'), ...candidates(7)]
    expect(plan({ candidates: list, ...fields }).filter(({ group }) => group === '203.0')).toHaveLength(0)
  })

  it('repeats fill only the places that would stay empty, evenly over the groups', () => {
    const list = ['a', 'b', 'c'].flatMap((group) => candidates(20, { group }, group))
    const dials = plan({ candidates: list })
    expect(reasons(dials)).toEqual({ tried: 3, repeat: 5 })
    const sizes = [...Map.groupBy(dials, ({ group }) => group).values()].map((of) => of.length)
    expect(sizes.sort()).toEqual([2, 3, 3])
  })

  it('repeats leave the places free of groups whose peers only wait to be dialled again', () => {
    const candidates = Array.from({ length: 8 }, (_, i) => candidate(`sybil${i}`, { group: 'g' }))
    expect(reasons(plan({ candidates, target: 8, awaited: 7 }))).toEqual({ tried: 1 })
    expect(reasons(plan({ candidates, target: 8, awaited: 5 }))).toEqual({ tried: 1, repeat: 2 })
    expect(reasons(plan({ candidates, target: 8 }))).toEqual({ tried: 1, repeat: 7 })
  })

  it('with low success the dials to other groups do not make room for repeats', () => {
    const list = [...candidates(6), ...candidates(50, { group: '203.0' }, 'sybil')]
    const dials = plan({ candidates: list, outcomes: { dials: 30, successes: 5 } })
    expect(reasons(dials)).toEqual({ tried: 7, repeat: 3 }) // one place is left, to be tried three times
  })

  it.each(['private', 'loopback'] as const)('%s peers have no groups', (scope) => {
    expect(reasons(plan({ candidates: candidates(20, { group: 'one', scope }) }))).toEqual({ tried: 8 })
  })

  it('onion addresses are free, so all of them are one group', () => {
    const list = [...candidates(20, { group: 'onion', scope: 'onion' }, 'onion'), ...candidates(7)]
    expect(plan({ candidates: list }).filter(({ scope }) => scope === 'onion')).toHaveLength(1)
  })
})

describe('repeats are replaced', () => {
  const outbound = [
    connected('first', { group: '203.0', score: 90, connectedAt: 1 }),
    connected('good', { group: '203.0', score: 80, connectedAt: 2 }),
    connected('bad', { group: '203.0', score: 20, connectedAt: 3 }),
    connected('young', { group: '203.0', score: 20, connectedAt: 4 }),
    ...Array.from({ length: 4 }, (_, n) => connected(`other${n}`))
  ]

  it('before the dial where there is no room for both, and then only for peers that this node has reached itself', () => {
    const limits = { ...PREDECESSOR_LIMITS, minOutbound: 0, outbound: 9 }
    const list = [candidate('c0'), candidate('c1')]
    expect(plan({ candidates: list, outbound, limits })).toMatchObject([
      { dial: 'c0', replaces: 'young' },
      { dial: 'c1', replaces: 'bad', makesRoom: true }
    ])
    expect(plan({ candidates: list, outbound, limits })[0]).not.toHaveProperty('makesRoom')
    const full = { outbound, limits: { ...limits, outbound: 8 } }
    expect(plan({ ...full, candidates: list }).map(({ makesRoom }) => makesRoom)).toEqual([true, true])
    expect(plan({ ...full, candidates: [candidate('made up', { origin: 'new' })] })).toEqual([])
  })

  it('as soon as another group has a candidate, the worst and youngest first, two at once', () => {
    expect(plan({ candidates: candidates(5), outbound })).toEqual([
      { dial: 'c0', reason: 'diversity', group: 'group of c0', scope: 'public', replaces: 'young' },
      { dial: 'c1', reason: 'diversity', group: 'group of c1', scope: 'public', replaces: 'bad' }
    ])
    expect(plan({ candidates: candidates(5), outbound, dialling: [dial('x', 'diversity')] })).toMatchObject([
      { dial: 'c0', replaces: 'bad' }
    ])
  })

  it.each([
    ['of the same group', { candidates: candidates(5, { group: '203.0' }) }],
    ['of a private network', { candidates: candidates(5, { scope: 'private', group: 'lan' }) }],
    ['when all groups differ already', { candidates: candidates(5), outbound: outbound.slice(3) }]
  ])('not by candidates %s', (_, fields) => {
    const enough = { counts: { inbound: 0, outbound: 8 } }
    expect(plan({ outbound, ...enough, ...fields })).toEqual([])
  })

  it('a persistent peer is not replaced, and makes the other of its group the repeat', () => {
    const two = [
      connected('mine', { group: 'g', exempt: true, score: 1 }),
      connected('other', { group: 'g', score: 99 }),
      connected('mine too', { group: 'g', exempt: true, score: 1 })
    ]
    expect(plan({ candidates: candidates(5), outbound: two, target: 3 })).toMatchObject([{ replaces: 'other' }])
  })

  it('places taken by Sybils before anybody else was known are given back one after another', () => {
    let list = Array.from({ length: 8 }, (_, n) => connected(`sybil${n}`, { group: '203.0', connectedAt: n }))
    for (let round = 0; round < 10; round++) {
      for (const { dial: id, group, replaces } of plan({ candidates: candidates(20, {}, 'honest'), outbound: list })) {
        list = [...list.filter((peer) => peer.id !== replaces), connected(id, { group })]
      }
    }
    expect(list).toHaveLength(8)
    expect(list.filter(({ group }) => group === '203.0')).toHaveLength(1)
  })
})

describe('networks that must form', () => {
  it.each([
    ['one public /24', 'public', '203.0'],
    ['one home', 'private', '192.168.1.2'],
    ['one host', 'loopback', 'loopback']
  ] as const)('five nodes that all live in %s are all connected', (_, scope, group) => {
    const names = ['a', 'b', 'c', 'd', 'e']
    const links = new Set<string>()
    for (const name of names) {
      const known = names.filter((other) => other !== name && !links.has([name, other].sort().join()))
      const list = known.map((other) => candidate(other, { scope, group, origin: 'new' }))
      const inbound = [...links].filter((link) => link.includes(name)).length
      for (const { dial: other } of plan({ candidates: list, counts: { inbound, outbound: 0 } })) {
        links.add([name, other].sort().join())
      }
    }
    expect(links.size).toBe(10)
  })
})

const arbitraryCandidate = fc.record({
  id: fc.nat(60).map((n) => `p${n}`),
  group: fc.nat(6).map((n) => `g${n}`),
  scope: fc.constantFrom('public' as const, 'private' as const),
  origin: fc.constantFrom('anchor', 'persistent', 'bootstrap', 'seed', 'tried', 'new', 'tried', 'new' as const),
  score: fc.nat(100),
  capabilities: fc.constantFrom<string[]>([], ['tools'])
})

const arbitrarySituation = fc.record({
  candidates: fc.array(arbitraryCandidate, { maxLength: 80 }),
  outbound: fc
    .array(fc.nat(60), { maxLength: 12 })
    .map((list) => [...new Set(list)].map((n) => connected(`p${n}`, { group: `g${n % 7}` }))),
  target: fc.nat(20),
  maxParallel: fc.nat(30),
  outcomes: fc.option(fc.constant({ dials: 100, successes: 10 }), { nil: undefined }),
  wishes: fc.constantFrom([], [{ capability: 'tools', missing: 3 }]),
  seed: fc.nat()
})

describe('a plan, whatever the situation', () => {
  it('is the same for the same input, names nobody twice, keeps the limits, and repeats only what would stay empty', () => {
    fc.assert(
      fc.property(arbitrarySituation, ({ seed, ...fields }) => {
        const dials = plan(fields, seed)
        expect(plan(fields, seed)).toEqual(dials)
        expect(new Set(ids(dials)).size).toBe(dials.length)
        expect(dials.length).toBeLessThanOrEqual(fields.maxParallel)
        const taken = new Set(fields.outbound.map(({ group }) => group))
        for (const { reason, group, scope } of dials) {
          const isFree = ['anchor', 'persistent', 'bootstrap', 'seed', 'repeat'].includes(reason)
          expect(isFree || scope === 'private' || !taken.has(group)).toBe(true)
          if (scope === 'public') {
            taken.add(group)
          }
        }
        if (dials.some(({ reason }) => reason === 'repeat')) {
          const planned = new Set(ids(dials))
          const left = fields.candidates.filter(({ id, origin, group, scope }) => {
            const ordinary = origin === 'tried' || origin === 'new'
            return ordinary && scope === 'public' && !planned.has(id) && !taken.has(group)
          })
          const open = left.filter(({ id }) => fields.outbound.every((peer) => peer.id !== id))
          const others = new Set(
            fields.candidates.filter(({ origin }) => origin !== 'tried' && origin !== 'new').map(({ id }) => id)
          )
          expect(open.filter(({ id }) => !others.has(id))).toEqual([])
        }
      })
    )
  })
})
