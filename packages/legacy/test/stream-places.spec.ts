import { FakeClock } from '@penin/testing'
import { describe, expect, it } from 'vitest'
import { StreamPlaces, type StreamPlace } from '../src/stream-places.js'

function places(max: number): {
  clock: FakeClock
  all: StreamPlaces
  dropped: string[]
  take: (peer: string) => StreamPlace | undefined
} {
  const clock = new FakeClock()
  const all = new StreamPlaces(max, clock)
  const dropped: string[] = []
  return { clock, all, dropped, take: (peer) => all.take(peer, () => dropped.push(peer)) }
}

describe('places for streams', () => {
  it('that a few peers hold in silence go to whoever comes', () => {
    const { clock, all, dropped, take } = places(8)
    for (const peer of ['a', 'a', 'a', 'a', 'b', 'b', 'b']) {
      take(peer)
    }
    take('honest')
    expect(take('late')).toBeUndefined() // nobody has been silent for long enough
    clock.tick(1_000)
    expect(take('late')).toBeDefined()
    expect(dropped).toEqual(['a'])
    expect(take('later')).toBeDefined()
    expect(take('latest')).toBeDefined()
    expect(dropped.slice(1).sort()).toEqual(['a', 'b']) // from then on both have two
    expect(all.size).toBe(8)
  })

  it('of many peers go from the one that has been silent the longest, and never from one that speaks', () => {
    const { clock, dropped, take } = places(3)
    const first = take('a')
    clock.tick(10)
    take('b')
    clock.tick(10)
    take('c')
    clock.tick(5_000)
    first?.touch()
    take('d')
    take('e')
    expect(dropped).toEqual(['b', 'c'])
    expect(take('f')).toBeUndefined() // all have spoken within a second
  })

  it('are not taken from others by the peer that has the most already', () => {
    const { clock, dropped, take } = places(4)
    const others = ['a', 'a', 'b', 'b'].map(take)
    clock.tick(1_000)
    others.slice(0, 2).forEach((place) => place?.touch())
    clock.tick(999)
    expect(take('a')).toBeUndefined()
    clock.tick(1)
    expect(take('b')).toBeDefined()
    expect(dropped).toEqual(['b'])
  })

  it('are given back once', () => {
    const { all, take } = places(2)
    const [one] = [take('a'), take('b')]
    one?.release()
    one?.release()
    expect(all.size).toBe(1)
    expect(take('c')).toBeDefined()
  })
})
