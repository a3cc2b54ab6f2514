import type { Libp2pEvents, PeerId } from '@libp2p/interface'
import { describe, expect, it } from 'vitest'
import { Holds } from '../src/holds.js'
import { Strangers } from '../src/strangers.js'
import { named } from './support.js'

function strangers(known: PeerId[] = []): {
  strangers: Strangers
  deleted: string[]
  write: (id: PeerId, at: number) => void
} {
  const deleted: string[] = []
  const service = new Strangers({
    peerStore: {
      delete: async (id) => {
        deleted.push(id.toString())
      }
    },
    isKnown: (id) => known.some((other) => other.equals(id))
  })
  return {
    strangers: service,
    deleted,
    write: (id, at) => {
      service.noteWritten({ detail: { peer: { id } } } as Libp2pEvents['peer:update'], at)
    }
  }
}

describe('what libp2p writes down of strangers', () => {
  it('after they have gone is deleted a minute later, unless they are known by then', () => {
    const [a, b] = [named('a'), named('b')]
    const known = [named('c')]
    const { strangers: service, deleted, write } = strangers(known)
    write(a, 0)
    write(b, 1_000)
    write(named('c'), 1_000)
    service.tidy(59_999)
    expect([deleted, service.size]).toEqual([[], 2])
    service.tidy(60_000)
    expect(deleted).toEqual([a.toString()])
    known.push(b)
    service.tidy(61_000)
    expect([deleted, service.size]).toEqual([[a.toString()], 0])
  })

  it('does not pile up under a crowd of them: beyond 1024 the oldest is deleted at once', () => {
    const { strangers: service, deleted, write } = strangers()
    for (let i = 0; i < 1_100; i++) {
      write(named(String(i)), 0)
    }
    expect([deleted.length, service.size]).toEqual([76, 1_024])
    expect(deleted[0]).toBe(named('0').toString())
  })
})

describe('strangers that are not to be dialled', () => {
  it('are as many as 1024: beyond that the one that was met longest ago is forgotten', () => {
    const holds = new Holds()
    const hold = { until: 3_600_000, reason: 'no peer of ours' }
    for (let i = 0; i < 1_024; i++) {
      holds.add(named(String(i)), hold)
    }
    holds.add(named('0'), hold) // it has been met again
    holds.add(named('1024'), hold)
    const held = Array.from({ length: 1_025 }, (_, i) => holds.get(named(String(i)), 3_599_999) != null)
    expect(held.flatMap((isHeld, i) => (isHeld ? [] : [i]))).toEqual([1])
    expect(holds.get(named('0'), 3_600_000)).toBeUndefined()
  })
})
