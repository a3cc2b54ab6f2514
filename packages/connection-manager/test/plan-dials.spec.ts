import { seededRng } from '@penin/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ISOLATED_CAP, planDials, type DialSituation, type KnownPeer } from '../src/index.js'
import { named } from './support.js'

const AT = 1_000_000

function peer(name: string, fields: Partial<KnownPeer> = {}): KnownPeer {
  return {
    id: named(name),
    sources: new Set(),
    addresses: new Set(),
    firstSeen: 0,
    lastSeen: 0,
    failures: 0,
    nextAttemptAt: 0,
    ...fields
  }
}

function situation(known: KnownPeer[], fields: Partial<DialSituation> = {}): DialSituation {
  return {
    at: AT,
    known,
    isConnected: () => false,
    isDialling: () => false,
    peers: 1,
    dialling: 0,
    greeting: 0,
    target: 8,
    maxParallel: 8,
    ...fields
  }
}

function plan(known: KnownPeer[], fields: Partial<DialSituation> = {}, seed = 1): string[] {
  return planDials(situation(known, fields), seededRng(seed)).map((dial) => `${dial.reason}:${dial.peer.id.toString()}`)
}

const arbitraryPeer = fc
  .record({
    failures: fc.nat(10),
    persistence: fc.option(fc.constantFrom('bootstrap' as const, 'persistent' as const), { nil: undefined }),
    lastSuccess: fc.option(fc.nat(AT), { nil: undefined }),
    lastAttemptAt: fc.option(fc.integer({ min: AT - 20_000, max: AT }), { nil: undefined }),
    nextAttemptAt: fc.integer({ min: AT - 1_000, max: AT + 1_000 }),
    held: fc.option(fc.record({ until: fc.integer({ min: AT - 10, max: AT + 10 }), reason: fc.constant('x') }), {
      nil: undefined
    }),
    connected: fc.boolean(),
    dialling: fc.boolean()
  })
  .map(({ connected, dialling, ...fields }) => ({ connected, dialling, fields }))

const arbitrarySituation = fc.record({
  entries: fc.array(arbitraryPeer, { maxLength: 30 }),
  peers: fc.nat(10),
  dialling: fc.nat(10),
  target: fc.nat(12),
  maxParallel: fc.nat(10),
  seed: fc.nat()
})

describe('planDials', () => {
  it('keeps every rule in every situation', () => {
    fc.assert(
      fc.property(arbitrarySituation, ({ entries, seed, ...numbers }) => {
        const known = entries.map(({ fields }, index) => peer(String(index), fields as Partial<KnownPeer>))
        const now = situation(known, {
          ...numbers,
          isConnected: (id) => entries[Number(id)]?.connected === true,
          isDialling: (id) => entries[Number(id)]?.dialling === true
        })
        const dials = planDials(now, seededRng(seed))
        const wanted = Math.max(0, now.target - now.peers - now.dialling)
        expect(dials.length).toBeLessThanOrEqual(Math.max(0, now.maxParallel - now.dialling))
        expect(dials.filter(({ reason }) => reason === 'target').length).toBeLessThanOrEqual(wanted)
        expect(new Set(dials.map((dial) => dial.peer)).size).toBe(dials.length)
        const firstOther = dials.findIndex(({ reason }) => reason === 'target')
        dials.forEach(({ peer, reason }, index) => {
          expect(now.isConnected(peer.id.toString()) || now.isDialling(peer.id.toString())).toBe(false)
          expect(peer.held == null || peer.held.until <= AT).toBe(true)
          const early = peer.nextAttemptAt > AT
          if (early) {
            expect([now.peers, peer.persistence != null]).toEqual([0, true])
            expect((peer.lastAttemptAt ?? 0) + ISOLATED_CAP).toBeLessThanOrEqual(AT)
          }
          expect(reason).toBe(peer.persistence ?? 'target')
          expect(firstOther >= 0 && index > firstOther && reason !== 'target').toBe(false)
        })
        expect(planDials(now, seededRng(seed))).toEqual(dials)
      }),
      { numRuns: 300 }
    )
  })

  it('goes for persistent peers even above the target, and before all others', () => {
    const known = [peer('a'), peer('b', { persistence: 'bootstrap' }), peer('c', { persistence: 'persistent' })]
    expect(plan(known, { peers: 8, target: 8 }).sort()).toEqual(['bootstrap:b', 'persistent:c'])
    expect(plan(known, { maxParallel: 2 }).sort()).toEqual(['bootstrap:b', 'persistent:c'])
    expect(plan(known).at(-1)).toBe('target:a')
  })

  it('prefers peers that have answered, then those that have failed less', () => {
    const known = [
      peer('failed', { failures: 2 }),
      peer('new'),
      peer('good', { lastSuccess: 1 }),
      peer('once', { failures: 1, lastSuccess: 1 })
    ]
    expect(plan(known)).toEqual(['target:good', 'target:new', 'target:once', 'target:failed'])
    expect(plan(known, { peers: 6 })).toEqual(['target:good', 'target:new'])
  })

  it('chooses among equals by chance', () => {
    const known = Array.from({ length: 10 }, (_, index) => peer(String(index)))
    const firsts = new Set(Array.from({ length: 50 }, (_, seed) => plan(known, { peers: 7 }, seed)[0]))
    expect(firsts.size).toBeGreaterThan(5)
  })

  it('waits at most ten seconds for a persistent peer while there is nobody else', () => {
    const waiting = { persistence: 'bootstrap' as const, nextAttemptAt: AT + 50_000 }
    expect(plan([peer('b', { ...waiting, lastAttemptAt: AT - 9_999 })], { peers: 0 })).toEqual([])
    expect(plan([peer('b', { ...waiting, lastAttemptAt: AT - 10_000 })], { peers: 0 })).toEqual(['bootstrap:b'])
    expect(plan([peer('b', { ...waiting, lastAttemptAt: AT - 10_000 })], { peers: 1 })).toEqual([])
    expect(plan([peer('x', { nextAttemptAt: AT + 1 })], { peers: 0 })).toEqual([])
  })

  it('does not dial a peer of another network before its time is up, not even in isolation', () => {
    const held = { until: AT + 1, reason: 'wrong network' }
    expect(plan([peer('b', { held, persistence: 'bootstrap' })], { peers: 0 })).toEqual([])
    expect(plan([peer('b', { held: { ...held, until: AT } })])).toEqual(['target:b'])
  })
})
