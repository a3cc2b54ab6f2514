import { multiaddr } from '@multiformats/multiaddr'
import { seededRng } from '@penin/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ConfiguredEntry } from '../src/configured-peers.js'
import { planDials, type BookedPeer, type DialSituation } from '../src/index.js'

const booked = (id: string): BookedPeer => ({ id, addresses: [], source: 'pex' })
const entry = (key: string, persistence: ConfiguredEntry['persistence']): ConfiguredEntry => ({
  key,
  addresses: [multiaddr('/ip4/192.0.2.1/tcp/1')],
  persistence,
  failures: 0,
  lastAttemptAt: 0,
  nextAttemptAt: 0,
  heldUntil: 0
})

function situation(fields: Partial<DialSituation> = {}): DialSituation {
  return {
    anchors: [],
    configured: [],
    select: () => [],
    peers: 1,
    dialling: 0,
    greeting: 0,
    target: 8,
    maxParallel: 8,
    ...fields
  }
}

/** A book that always has as many as it is asked for. */
const plenty = (count: number): BookedPeer[] => Array.from({ length: count }, (_, i) => booked(`peer${i}`))

function plan(fields: Partial<DialSituation> = {}, seed = 1): string[] {
  return planDials(situation(fields), seededRng(seed)).map((dial) =>
    'entry' in dial ? `${dial.reason}:${dial.entry.key}` : `${dial.reason}:${dial.peer.id}`
  )
}

describe('planDials', () => {
  it('keeps every rule in every situation', () => {
    const counts = { peers: fc.nat(20), dialling: fc.nat(12), greeting: fc.nat(5), target: fc.nat(20) }
    const kinds = fc.constantFrom<ConfiguredEntry['persistence'][]>('bootstrap', 'persistent', 'seed')
    const arbitrary = fc.record({
      ...counts,
      maxParallel: fc.nat(12),
      anchors: fc.integer({ min: 0, max: 2 }),
      configured: fc.array(kinds, { maxLength: 10 }),
      offered: fc.nat(30),
      seed: fc.nat()
    })
    fc.assert(
      fc.property(arbitrary, ({ anchors, configured, offered, seed, ...numbers }) => {
        let askedFor = 0
        const given = situation({
          ...numbers,
          anchors: ['a', 'b'].slice(0, anchors).map(booked),
          configured: configured.map((persistence, index) => entry(String(index), persistence)),
          select: (count) => {
            askedFor += count
            return plenty(Math.min(count, offered))
          }
        })
        const dials = planDials(given, seededRng(seed))
        const wanted = Math.max(0, numbers.target - numbers.peers - numbers.dialling - numbers.greeting)
        const counted = dials.filter(({ reason }) => reason === 'anchor' || reason === 'target')
        expect(dials.length).toBeLessThanOrEqual(Math.max(0, numbers.maxParallel - numbers.dialling))
        expect(counted.length).toBeLessThanOrEqual(wanted)
        expect(askedFor).toBeLessThanOrEqual(wanted)
        expect(wanted > 0 || dials.every(({ reason }) => reason !== 'seed')).toBe(true)
        expect(new Set(dials.map((dial) => ('entry' in dial ? dial.entry : dial.peer))).size).toBe(dials.length)
        expect(planDials(given, seededRng(seed))).toEqual(dials)
      })
    )
  })

  it('dials the anchors first, then persistent peers, then seeds, then those of the book', () => {
    const configured = [entry('s', 'seed'), entry('b', 'bootstrap')]
    const dials = plan({ anchors: [booked('x'), booked('y')], configured, select: plenty, target: 6 })
    expect(dials).toEqual([
      'anchor:x',
      'anchor:y',
      'bootstrap:b',
      'seed:s',
      'target:peer0',
      'target:peer1',
      'target:peer2'
    ])
  })

  it('goes for persistent peers even above the target, and for seeds only below it', () => {
    const configured = [entry('p', 'persistent'), entry('s', 'seed')]
    expect(plan({ configured, peers: 8, select: plenty })).toEqual(['persistent:p'])
    expect(plan({ configured, peers: 7 }).sort()).toEqual(['persistent:p', 'seed:s'])
  })

  it('never asks the book for more than can be dialled at once', () => {
    expect(plan({ peers: 0, target: 100, maxParallel: 3, dialling: 1, select: plenty })).toHaveLength(2)
  })

  it('chooses among equals by chance', () => {
    const configured = [...'abcdef'].map((key) => entry(key, 'bootstrap'))
    const orders = new Set(Array.from({ length: 20 }, (_, seed) => plan({ configured }, seed).join()))
    expect(orders.size).toBeGreaterThan(10)
  })
})
