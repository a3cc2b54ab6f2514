import { FakeClock } from '@penin/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { LegacyTable, MAX_LEGACY_PEERS, MAX_PER_ADDRESS, type LegacyChange } from '../src/legacy-table.js'

let clock: FakeClock
let table: LegacyTable
beforeEach(() => {
  clock = new FakeClock()
  table = new LegacyTable(clock)
})

const see = (id: string, address: string | undefined = '10.0.0.1'): LegacyChange =>
  table.see({ id, address, port: 51_515, timestamp: 1 })
const ids = (): string[] => table.list().map(({ id }) => id)

describe('a legacy peer', () => {
  it('is discovered once, and kept as long as it is heard', () => {
    expect(see('a').discovered?.id).toBe('a')
    for (let i = 0; i < 100; i++) {
      clock.tick(10_000)
      expect(see('a')).toEqual({})
      expect(table.expire()).toEqual([])
    }
    expect(table.list()[0]).toMatchObject({ lastSeen: clock.now(), firstSeen: clock.now() - 1_000_000 })
  })

  it('is lost after 60 s at the least', () => {
    see('a')
    clock.tick(60_000)
    expect(table.expire()).toEqual([])
    clock.tick(1)
    expect(table.expire().map(({ id }) => id)).toEqual(['a'])
    expect(table.expire()).toEqual([])
    expect(table.size).toBe(0)
    expect(see('a').discovered?.id).toBe('a')
  })

  it('with a long interval is lost after three of them, once that is known', () => {
    see('a')
    clock.tick(100_000)
    expect(table.expire()).toHaveLength(1)
    see('a')
    clock.tick(300_000)
    expect(table.expire()).toEqual([])
    clock.tick(1)
    expect(table.expire()).toHaveLength(1)
  })

  it('heard over several interfaces still has its interval', () => {
    see('a')
    clock.tick(100_000)
    table.expire()
    see('a')
    clock.tick(5)
    see('a')
    clock.tick(299_000)
    expect(table.expire()).toEqual([])
  })

  it('keeps its name against another address for as long as it is heard, no longer', () => {
    see('a')
    expect(see('a', '10.0.0.66')).toEqual({})
    expect(table.list()[0]?.address).toBe('10.0.0.1')
    clock.tick(30_000)
    see('a', '10.0.0.66')
    clock.tick(30_001)
    expect(table.expire().map(({ address }) => address)).toEqual(['10.0.0.1'])
    expect(see('a', '10.0.0.66').discovered?.address).toBe('10.0.0.66')
    expect(table.held).toBe(1)
  })

  it('without an address gets the first one that is seen, and that is told', () => {
    expect(table.see({ id: 'a', address: undefined, port: 1, timestamp: 1 }).discovered?.address).toBeUndefined()
    expect(see('a').discovered?.address).toBe('10.0.0.1')
    expect(table.see({ id: 'a', address: undefined, port: 1, timestamp: 1 })).toEqual({})
    expect(table.list()[0]?.address).toBe('10.0.0.1')
  })

  it('may say that it goes, from where it is', () => {
    see('a')
    expect(table.leave('a', '10.0.0.66')).toBeUndefined()
    expect(table.leave('b', '10.0.0.1')).toBeUndefined()
    expect(table.leave('a', '10.0.0.1')?.id).toBe('a')
    expect(table.held).toBe(0)
  })

  it('is forgotten for good in the end', () => {
    see('a')
    clock.tick(60_001)
    table.expire()
    expect(table.held).toBe(1)
    clock.tick(4 * 3_600_000)
    table.expire()
    expect(table.held).toBe(0)
  })
})

describe('room', () => {
  const address = (i: number): string => `10.0.${i >> 8}.${i & 255}`

  it('is for eight of one address', () => {
    for (let i = 0; i < MAX_PER_ADDRESS; i++) {
      expect(see(`a${i}`).discovered).toBeDefined()
    }
    expect(see('more')).toEqual({ refused: true })
    expect(see('other', '10.0.0.2').discovered).toBeDefined()
    clock.tick(60_001)
    table.expire()
    expect(see('more').discovered).toBeDefined()
  })

  it('is made by those who were heard once, longest ago first; those heard twice stay', () => {
    see('honest', '10.9.9.9')
    clock.tick(10_000)
    see('honest', '10.9.9.9')
    for (let i = 0; i < MAX_LEGACY_PEERS - 1; i++) {
      see(`x${i}`, address(i))
    }
    expect(see('new', '10.8.8.8').lost?.id).toBe('x0')
    for (let i = 0; i < 10_000; i++) {
      see(`y${i}`, address(i))
    }
    expect(table.held).toBe(MAX_LEGACY_PEERS)
    expect(ids()).toContain('honest')
  })

  it('is refused when all have been heard again', () => {
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < MAX_LEGACY_PEERS; i++) {
        see(`x${i}`, address(i))
      }
      clock.tick(10_000)
    }
    expect(see('new', '10.8.8.8')).toEqual({ refused: true })
    clock.tick(60_000)
    table.expire()
    expect(see('new', '10.8.8.8')).toMatchObject({ discovered: { id: 'new' } })
    expect(table.held).toBe(MAX_LEGACY_PEERS)
  })

  it('what it hands out may be changed', () => {
    const seen = see('a').discovered
    Object.assign(seen ?? {}, { address: 'x' })
    Object.assign(table.list()[0] ?? {}, { address: 'y' })
    expect(table.list()[0]?.address).toBe('10.0.0.1')
  })
})
