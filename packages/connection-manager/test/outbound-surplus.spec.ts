import { shuffled } from '@penin/interface'
import { seededRng } from '@penin/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chooseSurplus, type SurplusCandidate, type SurplusSituation } from '../src/index.js'

const AT = 10_000_000

function peer(id: string, fields: Partial<SurplusCandidate> = {}): SurplusCandidate {
  const lately = { connectedAt: AT - 1_000_000, lastUsefulAt: AT - 1_000 }
  return { id, direction: 'inbound', group: `group of ${id}`, scope: 'public', ...lately, ...fields }
}

function peers(count: number, fields: Partial<SurplusCandidate> = {}, name = 'p'): SurplusCandidate[] {
  return Array.from({ length: count }, (_, n) => peer(`${name}${n}`, fields))
}

function choose(list: SurplusCandidate[], fields: Partial<SurplusSituation> = {}): Array<[string, string]> {
  const situation = { peers: list, at: AT, target: 10, minOutbound: 0, ...fields }
  return chooseSurplus(situation).map(({ disconnect, reason }) => [disconnect, reason])
}

const idle = { lastUsefulAt: AT - 900_000 }

describe('whom to let go', () => {
  it.each([
    ['nobody at the target', peers(10), {}, 0],
    ['nobody within the slack', peers(12), {}, 0],
    ['back to the target beyond the slack', peers(13), {}, 3],
    ['with a slack of its own', peers(13), { slack: 3 }, 0],
    ['a tenth of a large target is slack', peers(109), { target: 99 }, 0],
    ['nobody for being idle at the target', peers(10, idle), {}, 0],
    ['the idle, as soon as the count is above the target', peers(12, idle), {}, 2],
    ['nobody of those who have just come', peers(20, { connectedAt: AT - 9_999 }), {}, 0],
    ['who came as long ago as hello and PEX take', peers(20, { connectedAt: AT - 10_000 }), {}, 10],
    ['nobody who is protected', peers(20, { isProtected: true, score: 0 }), {}, 0],
    ['no outbound peer below the minimum', peers(20, { direction: 'outbound' }), { minOutbound: 15 }, 5]
  ] as const)('%s', (_, list, fields, count) => {
    expect(choose([...list], fields)).toHaveLength(count)
  })

  it('repeats of a group first, then low reputation, then inbound before outbound, then idle for longest', () => {
    const list = [
      peer('in', { lastUsefulAt: AT - 3_000 }),
      peer('idler', { lastUsefulAt: AT - 4_000 }),
      peer('out', { direction: 'outbound', lastUsefulAt: AT - 9_000 }),
      peer('poor', { score: 35 }),
      peer('of a group', { direction: 'outbound', group: 'g', score: 90 }),
      peer('another of it', { direction: 'outbound', group: 'g', score: 80 })
    ]
    expect(choose(list, { target: 1, slack: 0 })).toEqual([
      ['another of it', 'repeat'],
      ['poor', 'over-target'],
      ['idler', 'over-target'],
      ['in', 'over-target'],
      ['out', 'over-target']
    ])
  })

  it('a repeat goes as soon as the count is above the target, and not before', () => {
    const list = [...peers(9), ...peers(2, { direction: 'outbound', group: 'g' }, 'twin')]
    expect(choose(list)).toEqual([['twin1', 'repeat']])
    expect(choose(list, { target: 11 })).toEqual([])
  })

  it('inbound peers and those of private networks are nobody’s repeats', () => {
    expect(choose(peers(12, { group: 'g' }))).toEqual([])
    expect(choose(peers(12, { direction: 'outbound', group: 'g', scope: 'private' }))).toEqual([])
  })

  it('lost reputation is a reason at any count, but half of the target stays', () => {
    expect(choose([...peers(8), peer('bad', { score: 24 })])).toEqual([['bad', 'low-reputation']])
    expect(choose([...peers(8), peer('slow', { score: 25 })])).toEqual([])
    expect(choose(peers(9, { score: 10 }))).toHaveLength(4)
    expect(choose(peers(5, { score: 10 }))).toEqual([])
  })

  it('one peer that comes and goes at the edge makes nobody else go', () => {
    for (let round = 0; round < 10; round++) {
      expect(choose([...peers(12), ...peers(round % 2, {}, 'flapping')])).toHaveLength(round % 2 === 0 ? 0 : 3)
    }
    expect(choose([...peers(10), ...peers(2, {}, 'flapping')])).toEqual([])
  })
})

const arbitraryPeers = fc
  .array(
    fc.record({
      direction: fc.constantFrom('inbound' as const, 'outbound' as const),
      group: fc.nat(8).map((n) => `g${n}`),
      scope: fc.constantFrom('public' as const, 'private' as const),
      isProtected: fc.option(fc.constant(true), { nil: undefined, freq: 5 }),
      score: fc.option(fc.nat(100), { nil: undefined }),
      connectedAt: fc.integer({ min: AT - 30_000, max: AT }),
      lastUsefulAt: fc.option(fc.integer({ min: AT - 700_000, max: AT }), { nil: undefined })
    }),
    { maxLength: 60 }
  )
  .map((list) => list.map((fields, n) => peer(`p${n}`, fields)))

describe('letting go, whoever is there', () => {
  it('takes no protected peer, keeps half of the target and the outbound minimum, and is at rest once obeyed', () => {
    fc.assert(
      fc.property(arbitraryPeers, fc.nat(30), fc.nat(20), fc.nat(), (list, target, minOutbound, seed) => {
        const fields = { target, minOutbound }
        const chosen = choose(list, fields)
        expect(choose(shuffled(seededRng(seed), list), fields)).toEqual(chosen)
        const gone = new Set(chosen.map(([id]) => id))
        const left = list.filter(({ id }) => !gone.has(id))
        expect(list.filter(({ id, isProtected }) => isProtected === true && gone.has(id))).toEqual([])
        expect(left.length).toBeGreaterThanOrEqual(Math.min(list.length, Math.ceil(target / 2)))
        const outbound = (of: SurplusCandidate[]) => of.filter(({ direction }) => direction === 'outbound').length
        expect(outbound(left)).toBeGreaterThanOrEqual(Math.min(outbound(list), minOutbound))
        expect(choose(left, fields)).toEqual([])
      })
    )
  })
})
