import { shuffled } from '@penin/interface'
import { seededRng } from '@penin/testing'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  chooseInboundVictim,
  keyedGroup,
  netGroup,
  protectInbound,
  type EvictionCandidate,
  type Protection
} from '../src/index.js'

const SECRET = new Uint8Array(16).fill(7)

/** A peer that is the best in nothing; the later the number, the younger. */
function peer(n: number, fields: Partial<EvictionCandidate> = {}): EvictionCandidate {
  const group = fields.group ?? `g${n}`
  return {
    id: `peer${String(n).padStart(4, '0')}`,
    direction: 'inbound',
    keyedGroup: keyedGroup(SECRET, group),
    scope: 'public',
    connectedAt: n * 1_000,
    score: 50,
    ...fields,
    group
  }
}

function peers(count: number, fieldsOf: (n: number) => Partial<EvictionCandidate> = () => ({})): EvictionCandidate[] {
  return Array.from({ length: count }, (_, n) => peer(n, fieldsOf(n)))
}

function protectedBy(candidates: EvictionCandidate[], reason: Protection): string[] {
  return [...protectInbound(candidates)].filter(([, why]) => why === reason).map(([id]) => id)
}

function ids(candidates: EvictionCandidate[]): string[] {
  return candidates.map(({ id }) => id).sort()
}

describe('who is protected from eviction', () => {
  it.each([
    ['outbound', { direction: 'outbound' }],
    ['persistent', { exempt: 'persistent' }],
    ['unconditional', { exempt: 'unconditional' }],
    ['trusted', { exempt: 'trusted' }]
  ] as const)('%s peers are never candidates, however bad', (reason, fields) => {
    const all = peers(50, () => ({ ...fields, score: 0, group: 'one' }))
    expect(protectedBy(all, reason)).toHaveLength(50)
    expect(chooseInboundVictim(all)).toBeUndefined()
  })

  it('of a full node: one of each of 4 secret groups, 8 by RTT, 4 by messages, 4 by records, half of the rest by age', () => {
    const all = peers(50, (n) => ({
      minRtt: n >= 40 ? 1 : 100,
      lastMessageAt: n >= 32 && n < 40 ? 90_000 : undefined,
      lastRecordAt: n >= 24 && n < 32 ? 90_000 : undefined
    }))
    const counts = Map.groupBy(protectInbound(all).values(), (reason) => reason)
    expect(Object.fromEntries([...counts].map(([reason, list]) => [reason, list.length]))).toEqual({
      'net-group': 4,
      'lowest-rtt': 8,
      'recent-message': 4,
      'recent-record': 4,
      'longest-connected': 15
    })
  })

  it.each([
    [1, 0],
    [4, 2],
    [8, 6],
    [16, 11],
    [24, 17],
    [50, 35],
    [112, 66],
    [1_000, 510]
  ])('of %i inbound peers with every merit %i are protected', (count, size) => {
    const all = peers(count, (n) => ({ minRtt: n, lastMessageAt: n, lastRecordAt: n }))
    expect(protectInbound(all).size).toBe(size)
    expect(chooseInboundVictim(all)).toBeDefined()
  })

  it('groups under another secret are other groups', () => {
    const chosen = new Set<string>()
    for (let i = 0; i < 20; i++) {
      const secret = new Uint8Array(16).fill(i)
      const all = peers(50, (n) => ({ keyedGroup: keyedGroup(secret, `g${n}`) }))
      protectedBy(all, 'net-group').forEach((id) => chosen.add(id))
    }
    expect(chosen.size).toBeGreaterThan(30)
  })

  it('a secret group protects its longest connected peer only', () => {
    const all = peers(50, (n) => ({ group: `g${n % 2}` }))
    expect(protectedBy(all, 'net-group').sort()).toEqual(['peer0000', 'peer0001'])
  })

  it('a round-trip time that was never measured protects nobody', () => {
    expect(protectedBy(peers(50), 'lowest-rtt')).toEqual([])
  })

  it.each([
    ['lowest-rtt', { minRtt: 0.01 }, { minRtt: 20 }, 2, 8],
    ['recent-message', { lastMessageAt: 9e9 }, { lastMessageAt: 1 }, 1, 4],
    ['recent-record', { lastRecordAt: 9e9 }, { lastRecordAt: 1 }, 1, 4]
  ] as const)('one group that is the best by %s does not get the whole class', (reason, good, less, share, size) => {
    const all = peers(60, (n) => (n >= 30 ? { group: 'data-centre', ...good } : less))
    const chosen = protectedBy(all, reason)
    expect(chosen).toHaveLength(size)
    expect(chosen.filter((id) => id >= 'peer0030').length).toBeLessThanOrEqual(share)
  })

  it.each(['onion', 'relay', 'loopback', 'private'] as const)(
    'the longest connected of %s keep half of the places for age, though they came last',
    (scope) => {
      const all = peers(50, (n) => (n >= 30 ? { scope, group: `${scope}${n}` } : {}))
      expect(protectedBy(all, 'rare-network')).toHaveLength(11) // of 46 open half are kept by age, and half of those here
    }
  )

  it('the many of one rare network do not take the places of the few of another', () => {
    const all = peers(50, (n) => (n >= 48 ? { scope: 'onion' } : n >= 10 ? { scope: 'private' } : {}))
    const rare = protectedBy(all, 'rare-network')
    const others = [...protectInbound(all)].filter(([, why]) => why === 'net-group').map(([id]) => id)
    expect([...rare, ...others]).toEqual(expect.arrayContaining(['peer0048', 'peer0049']))
  })
})

describe('who goes', () => {
  it('the youngest of the most numerous group', () => {
    const all = peers(50, (n) => (n % 10 === 0 ? { group: 'crowd' } : {}))
    expect(chooseInboundVictim(all)).toEqual({ disconnect: 'peer0040', reason: 'largest-group', group: 'crowd' })
  })

  it('the youngest of all, if no group has more than one', () => {
    const all = peers(50)
    const open = all.filter(({ id }) => !protectInbound(all).has(id))
    expect(chooseInboundVictim(all)).toMatchObject({ disconnect: ids(open).at(-1), reason: 'largest-group' })
  })

  it('who has misbehaved goes before a crowd, the lowest score first', () => {
    const all = peers(50, (n) => (n < 40 ? { group: 'crowd' } : { score: n === 45 ? 3 : n === 47 ? 9 : 50 }))
    const victim = chooseInboundVictim(all.map((p) => (p.id === 'peer0045' ? { ...p, keyedGroup: 0 } : p)))
    expect(victim).toEqual({ disconnect: 'peer0045', reason: 'low-reputation', group: 'g45' })
  })

  it('a score that is merely below the average does not make a peer go before a crowd of blameless strangers', () => {
    const all = peers(50, (n) => (n % 5 === 0 ? { group: 'crowd' } : { score: 30 }))
    expect(chooseInboundVictim(all)).toMatchObject({ reason: 'largest-group', group: 'crowd' })
  })

  it('nobody, if all are protected or there is nobody', () => {
    expect(chooseInboundVictim([])).toBeUndefined()
    expect(chooseInboundVictim(peers(3, () => ({ exempt: 'trusted' })))).toBeUndefined()
  })

  it('a newcomer of a crowd gets the place of its own kind, not of somebody else', () => {
    const all = peers(50, (n) => (n < 2 || n >= 48 ? { group: 'crowd' } : { group: `pair${n >> 1}` }))
    expect(chooseInboundVictim(all, { newcomer: { group: 'crowd' } })).toMatchObject({ group: 'crowd' })
  })

  it('a newcomer whose group is as large as any other is refused, unless one of its own may go', () => {
    const all = peers(50, (n) => ({ group: `pair${n >> 1}` }))
    const protections = protectInbound(all)
    const safe = all.find(({ group }) => all.every((p) => p.group !== group || protections.has(p.id)))
    expect(safe).toBeDefined()
    expect(chooseInboundVictim(all, { newcomer: { group: String(safe?.group) } })).toBeUndefined()
    const open = all.find(({ id }) => !protections.has(id)) as EvictionCandidate
    expect(chooseInboundVictim(all, { newcomer: { group: open.group } })).toMatchObject({ group: open.group })
  })
})

const arbitraryPeers = fc
  .array(
    fc.record({
      direction: fc.constantFrom('inbound' as const, 'inbound' as const, 'outbound' as const),
      exempt: fc.option(fc.constantFrom('persistent' as const, 'trusted' as const), { nil: undefined, freq: 8 }),
      group: fc.integer({ min: 0, max: 12 }).map((n) => `g${n}`),
      scope: fc.constantFrom('public' as const, 'private' as const, 'onion' as const, 'loopback' as const),
      connectedAt: fc.nat(50),
      minRtt: fc.option(fc.nat(20), { nil: undefined }),
      lastMessageAt: fc.option(fc.nat(20), { nil: undefined }),
      lastRecordAt: fc.option(fc.nat(20), { nil: undefined }),
      score: fc.nat(100)
    }),
    { maxLength: 120 }
  )
  .map((list) => list.map((fields, n) => peer(n, fields)))

describe('eviction, whatever the peers', () => {
  it('never takes a protected peer, and the order of the peers is no matter', () => {
    fc.assert(
      fc.property(arbitraryPeers, fc.nat(), fc.option(fc.constantFrom('g1', 'elsewhere')), (all, seed, group) => {
        const options = group == null ? {} : { newcomer: { group } }
        const victim = chooseInboundVictim(all, options)
        expect(chooseInboundVictim(shuffled(seededRng(seed), all), options)).toEqual(victim)
        if (victim != null) {
          const chosen = all.find(({ id }) => id === victim.disconnect)
          expect(chosen).toMatchObject({ direction: 'inbound', exempt: undefined, group: victim.group })
          expect(protectInbound(all).has(victim.disconnect)).toBe(false)
        }
      })
    )
  })

  it('gives a class to whom sorting would give it', () => {
    fc.assert(
      fc.property(arbitraryPeers, (all) => {
        const list = all.map((p) => ({ ...p, direction: 'inbound' as const, exempt: undefined }))
        const count = Math.round(8 * Math.min(1, list.length / 50))
        const protections = protectInbound(list)
        const sorted = list
          .filter(({ id, minRtt }) => minRtt != null && protections.get(id) !== 'net-group')
          .sort(
            (a, b) => Number(a.minRtt) - Number(b.minRtt) || a.connectedAt - b.connectedAt || (a.id < b.id ? -1 : 1)
          )
        const expected: EvictionCandidate[] = []
        for (const p of sorted) {
          const ofGroup = expected.filter(({ group }) => group === p.group).length
          if (expected.length < count && ofGroup < Math.max(1, Math.floor(count / 4))) {
            expected.push(p)
          }
        }
        expect(protectedBy(list, 'lowest-rtt').sort()).toEqual(ids(expected))
      })
    )
  })

  it('1,000 connections of one group, the best by every claim, displace no protected peer and one honest peer at most', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(20), (seed, fewer) => {
        const rng = seededRng(seed)
        const capacity = 50 - fewer
        let open = peers(capacity, () => ({
          minRtt: 5 + rng.float() * 200,
          lastMessageAt: rng.float() < 0.5 ? rng.float() * 50_000 : undefined,
          lastRecordAt: rng.float() < 0.5 ? rng.float() * 50_000 : undefined
        }))
        const honest = open
        const safe = [...protectInbound(honest).keys()]
        for (let i = 0; i < 1_000; i++) {
          const at = 60_000 + i
          const claims = { minRtt: 0, lastMessageAt: at, lastRecordAt: at, score: 100, connectedAt: at }
          const attacker = peer(1_000 + i, { group: 'attacker', ...claims })
          const victim = chooseInboundVictim(open, { newcomer: attacker })
          if (victim != null) {
            open = [...open.filter(({ id }) => id !== victim.disconnect), attacker]
          }
        }
        const left = new Set(open.map(({ id }) => id))
        expect(safe.filter((id) => !left.has(id))).toEqual([])
        expect(honest.filter(({ id }) => !left.has(id)).length).toBeLessThanOrEqual(1)
        expect(open).toHaveLength(capacity)
      }),
      { numRuns: 10 }
    )
  })

  it('1,000 connections of 100 groups leave the classes of those who were there before what they are', () => {
    const honest = peers(50, (n) => ({ minRtt: 5 + n, lastMessageAt: n, lastRecordAt: 50 - n }))
    let open = honest
    const before = protectInbound(honest)
    const oldest = [...before].filter(([, why]) => why === 'longest-connected' || why === 'net-group')
    for (let i = 0; i < 1_000; i++) {
      // They come from far away and do no work: what they can't fake.
      const attacker = peer(1_000 + i, { group: `botnet${i % 100}`, minRtt: 300, connectedAt: 60_000 + i })
      const victim = chooseInboundVictim(open, { newcomer: attacker })
      if (victim != null) {
        open = [...open.filter(({ id }) => id !== victim.disconnect), attacker]
      }
    }
    const left = new Set(open.map(({ id }) => id))
    const lost = oldest.filter(([id, why]) => !left.has(id) && why === 'longest-connected')
    expect(lost).toEqual([])
    expect([...before.keys()].filter((id) => left.has(id)).length).toBeGreaterThanOrEqual(before.size - 4)
  })
})

describe('groups', () => {
  it.each([
    ['/ip4/93.184.216.34/tcp/1', '93.184'],
    ['/ip6/::ffff:93.184.216.34/tcp/1', '93.184'],
    ['/ip6/2001:db9:1:2::3/tcp/1', '2001:db9'],
    ['/ip4/192.168.1.7/tcp/1', '192.168.1.7'],
    ['/ip6/fd00::1:2/tcp/1', 'fd00::1:2'],
    ['/ip4/127.0.0.5/tcp/1', 'loopback'],
    ['/ip6/::1/tcp/1', 'loopback'],
    ['/onion3/vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd:1234', 'onion'],
    ['/dns4/example.org/tcp/1', 'other']
  ])('%s belongs to %s', (address, group) => {
    expect(netGroup(multiaddr(address))).toBe(group)
  })
})
