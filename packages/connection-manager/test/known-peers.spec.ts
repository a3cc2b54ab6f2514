import { multiaddr } from '@multiformats/multiaddr'
import { PEER_SOURCES } from '@penin/interface'
import { seededRng } from '@penin/testing'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { KnownPeers, PERSISTENT_BACKOFF, type DialOutcome, type KnownPeer } from '../src/index.js'
import { named } from './support.js'

const failure: DialOutcome = { ok: false, now: 1_000, at: 10, error: 'refused', online: true }
const success: DialOutcome = { ok: true, now: 2_000, at: 20, online: true }

let table: KnownPeers
beforeEach(() => {
  table = new KnownPeers(4, seededRng(1))
})

function add(name: string, now = 0): KnownPeer {
  const result = table.add(named(name), 'mdns', now)
  if (result == null) {
    throw new RangeError(`no room for ${name}`)
  }
  return result.peer
}

const names = fc.constantFrom(...'abcdefghijklmnop')
const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('add' as const), name: names, source: fc.constantFrom(...PEER_SOURCES) }),
    fc.record({ do: fc.constant('fail' as const), name: names, online: fc.boolean() }),
    fc.record({ do: fc.constant('ok' as const), name: names }),
    fc.record({ do: fc.constant('disconnect' as const), name: names, lived: fc.nat(120_000) }),
    fc.record({ do: fc.constant('persist' as const), name: names }),
    fc.record({ do: fc.constant('remove' as const), name: names })
  ),
  { maxLength: 120 }
)

describe('KnownPeers', () => {
  it('never exceeds its size, and never displaces persistent or protected peers, whatever happens', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 6 }), fc.uniqueArray(names), fc.nat(), (todo, size, safe, seed) => {
        const peers = new KnownPeers(size, seededRng(seed))
        todo.forEach((step, at) => {
          const id = named(step.name)
          const known = peers.get(id)
          const before = [...peers.values()]
          if (step.do === 'add') {
            const result = peers.add(id, step.source, at, (peer) => safe.includes(peer.id.toString()))
            const { displaced } = result ?? {}
            expect(result == null).toBe(
              known == null &&
                before.length === size &&
                before.every((p) => p.persistence != null || safe.includes(p.id.toString()) || p.failures === 0)
            )
            expect(displaced?.persistence).toBeUndefined()
            expect(safe).not.toContain(displaced?.id.toString())
            expect(displaced == null || before.length === size).toBe(true)
          } else if (step.do === 'remove') {
            expect(peers.remove(id)).toBe(known != null)
          } else if (known != null) {
            act(peers, known, step, at)
          }
          expect(peers.size).toBeLessThanOrEqual(size)
          expect([...peers.values()]).toHaveLength(peers.size)
        })
      })
    )
  })

  it('notes every source of a known peer, and never lets its last sight go back', () => {
    add('a', 100)
    expect(table.add(named('a'), 'dht', 50)).toMatchObject({ added: false })
    const peer = table.get(named('a'))
    expect([...(peer?.sources ?? [])]).toEqual(['mdns', 'dht'])
    expect(peer).toMatchObject({ firstSeen: 100, lastSeen: 100 })
  })

  it('makes room at the cost of the peer that fails most, and of no other but one not named for a month', () => {
    const [a, b] = [add('a', 10), add('b', 20)]
    add('c', 5)
    add('d', 30)
    table.record(a, failure)
    table.record(b, failure)
    a.lastSeen = 10
    expect(table.add(named('e'), 'mdns', 40)?.displaced?.id.toString()).toBe('a')
    expect(table.add(named('f'), 'mdns', 40)?.displaced?.id.toString()).toBe('b')
    expect(table.add(named('g'), 'mdns', 40)).toBeUndefined()
    expect(table.add(named('g'), 'mdns', 30 * 24 * 3_600_000 + 6)?.displaced?.id.toString()).toBe('c')
  })

  it('is not emptied of its peers by a flood of invented ones', () => {
    ;['a', 'b', 'c', 'd'].forEach((name) => add(name))
    for (let i = 0; i < 1_000; i++) {
      expect(table.add(named(`invented-${i}`), 'dht', 1)).toBeUndefined()
    }
    expect([...table.values()].map((peer) => peer.id.toString())).toEqual(['a', 'b', 'c', 'd'])
  })

  it('takes 16 addresses of a peer in a run, and known ones again', () => {
    const peer = add('a')
    const addresses = Array.from({ length: 40 }, (_, i) => multiaddr(`/ip4/10.0.0.${i + 1}/tcp/1`))
    expect(table.noteAddresses(peer, addresses)).toHaveLength(16)
    expect(table.noteAddresses(peer, addresses.slice(10, 20))).toHaveLength(6)
  })

  it('forgets a peer after three failures and never a success', () => {
    const peer = add('a')
    expect([1, 2, 3].map(() => table.record(peer, failure))).toEqual([false, false, true])
  })

  it.each([
    ['it has answered once', (peer: KnownPeer) => table.record(peer, success), true],
    ['it is persistent', (peer: KnownPeer) => (peer.persistence = 'bootstrap'), true],
    ['this node has no peer at all, so the fault may be its own', () => {}, false]
  ])('does not forget it if %s', (_why, prepare, online) => {
    const peer = add('a')
    prepare(peer)
    for (let i = 0; i < 20; i++) {
      expect(table.record(peer, { ...failure, online })).toBe(false)
    }
  })

  it('does not redial at once a peer that hangs up within a minute: it counts as one more failure', () => {
    const peer = add('a')
    for (let i = 1; i <= 12; i++) {
      table.record(peer, success)
      table.recordDisconnect(peer, 59_999, 3_000, 30)
      expect(peer.failures).toBe(i)
    }
    expect(peer.nextAttemptAt).toBeGreaterThan(30)
    expect(peer).toMatchObject({ lastSuccess: 2_000, lastSeen: 3_000 })
    expect(peer.lastError).toBeUndefined()
  })

  it('forgives every failure once a link has held for a minute', () => {
    const peer = add('a')
    peer.persistence = 'persistent'
    table.record(peer, failure)
    table.record(peer, failure)
    table.recordDisconnect(peer, 60_000, 3_000, 30)
    expect(peer.failures).toBe(0)
    expect(peer.nextAttemptAt - 30).toBeLessThanOrEqual(PERSISTENT_BACKOFF.base)
  })

  it('waits for persistent peers at most a minute, for others at most ten', () => {
    const [a, b] = [add('a'), add('b')]
    b.persistence = 'bootstrap'
    const waits = { a: 0, b: 0 }
    for (let i = 0; i < 200; i++) {
      table.record(a, failure)
      table.record(b, failure)
      waits.a = Math.max(waits.a, a.nextAttemptAt - failure.at)
      waits.b = Math.max(waits.b, b.nextAttemptAt - failure.at)
    }
    expect(waits.b).toBeLessThanOrEqual(60_000)
    expect(waits.a).toBeGreaterThan(60_000)
    expect(waits.a).toBeLessThanOrEqual(600_000)
    table.clearBackoffs()
    expect([a.nextAttemptAt, b.nextAttemptAt]).toEqual([0, 0])
    expect(a.lastError).toBe('refused')
  })
})

function act(
  peers: KnownPeers,
  known: KnownPeer,
  step: { do: 'fail'; online: boolean } | { do: 'ok' } | { do: 'disconnect'; lived: number } | { do: 'persist' },
  at: number
): void {
  switch (step.do) {
    case 'fail':
      peers.record(known, { ok: false, now: at, at, online: step.online })
      expect(known.nextAttemptAt).toBeGreaterThanOrEqual(at)
      break
    case 'ok':
      peers.record(known, { ok: true, now: at, at, online: true })
      break
    case 'disconnect':
      peers.recordDisconnect(known, step.lived, at, at)
      break
    case 'persist':
      known.persistence = 'persistent'
  }
}
