import { describe, expect, it } from 'vitest'
import { Counters, MAX_PROBLEMS } from '../src/counters.js'
import { GLOBAL_RATE, MAX_SOURCES, PacketLimiter, SOURCE_RATE } from '../src/limiter.js'
import { MAX_SIGHTINGS, SIGHTING_INTERVAL, Sightings } from '../src/sightings.js'
import { ManualClock } from './support.js'

const repeat = (times: number, take: () => boolean): number =>
  Array.from({ length: times }, take).filter(Boolean).length

describe('packet limiter', () => {
  it('stops a flooding address without touching the others', () => {
    const limiter = new PacketLimiter(new ManualClock())
    expect(repeat(1000, () => limiter.allow('10.0.0.1', false))).toBe(SOURCE_RATE.burst)
    expect(repeat(5, () => limiter.allow('10.0.0.2', false))).toBe(5)
  })

  it('bounds the work for many flooding addresses together', () => {
    const limiter = new PacketLimiter(new ManualClock())
    let address = 0
    expect(repeat(1000, () => limiter.allow(`10.0.1.${address++}`, false))).toBe(GLOBAL_RATE.burst)
  })

  it('remembers a bounded number of addresses', () => {
    const limiter = new PacketLimiter(new ManualClock())
    for (let i = 0; i < 5 * MAX_SOURCES; i++) limiter.allow(`10.1.${i >> 8}.${i & 255}`, false)
    expect(limiter.size).toBe(MAX_SOURCES)
  })

  it('counts the processes of this host only together', () => {
    const limiter = new PacketLimiter(new ManualClock())
    expect(repeat(1000, () => limiter.allow('127.0.0.1', true))).toBe(GLOBAL_RATE.burst)
    expect(limiter.size).toBe(0)
  })
})

describe('sightings', () => {
  it('reports a peer with the same addresses, in whatever order, once in 30 seconds', () => {
    const clock = new ManualClock()
    const sightings = new Sightings(clock)
    expect(sightings.isNews('a', ['1', '2'])).toBe(true)
    expect(sightings.isNews('a', ['2', '1'])).toBe(false)
    expect(sightings.isNews('a', ['3'])).toBe(true)
    expect(sightings.isNews('b', ['1', '2'])).toBe(true)
    clock.advance(SIGHTING_INTERVAL - 1)
    expect(sightings.isNews('a', ['1', '2'])).toBe(false)
    clock.advance(1)
    expect(sightings.isNews('a', ['1', '2'])).toBe(true)
  })

  it('remembers a bounded number', () => {
    const sightings = new Sightings(new ManualClock())
    for (let i = 0; i < 3 * MAX_SIGHTINGS; i++) sightings.isNews(String(i), [])
    expect(sightings.size).toBe(MAX_SIGHTINGS)
  })
})

describe('problems', () => {
  it('are told of 256 times, and only counted beyond that, until interfaces go', () => {
    const counters = new Counters()
    const tell = (n: number): boolean =>
      counters.problem({ networkInterface: `veth${n}`, operation: 'send', error: { code: 'EPERM' } }) !== undefined
    let n = 0
    expect(repeat(1000, () => tell(n++))).toBe(MAX_PROBLEMS)
    expect(counters.snapshot().errors).toEqual({ 'send:EPERM': 1000 })
    counters.retainProblems(new Set(['veth0']), new Set())
    expect([tell(0), tell(1000)]).toEqual([false, true])
  })
})
