import { multiaddr } from '@multiformats/multiaddr'
import { seededRng } from '@penin/testing'
import { describe, expect, it } from 'vitest'
import { ConfiguredPeers, ISOLATED_CAP, type ConfiguredPeer } from '../src/configured-peers.js'
import { DialMemory } from '../src/dial-memory.js'
import { noteLinkEnd } from '../src/link-end.js'
import type { Link } from '../src/links.js'
import { makeBook, named } from './support.js'

const addresses = [multiaddr('/ip4/192.0.2.1/tcp/1')]
const named1: ConfiguredPeer = { id: named('a'), addresses, persistence: 'bootstrap' }
const nameless: ConfiguredPeer = { addresses, persistence: 'persistent' }
const seed: ConfiguredPeer = { id: named('s'), addresses, persistence: 'seed' }

function table(...peers: ConfiguredPeer[]): ConfiguredPeers {
  const configured = new ConfiguredPeers(seededRng(3))
  configured.replace(peers)
  return configured
}
const idle = (): boolean => false

describe('ConfiguredPeers', () => {
  it('finds a peer by its id, and one without id by who answered there last', () => {
    const configured = table(named1, nameless)
    const entry = configured.due(0, false, idle).find(({ id }) => id == null)
    expect(configured.of(named('a'))?.persistence).toBe('bootstrap')
    expect(configured.of(named('b'))).toBeUndefined()
    for (const name of ['b', 'c']) {
      configured.recordAnswer(entry as NonNullable<typeof entry>, named(name), 5)
      expect(configured.of(named(name))?.persistence).toBe('persistent')
    }
    expect(configured.of(named('b'))).toBeUndefined()
  })

  it('waits at most a minute for a configured peer, and ten seconds while there is nobody else', () => {
    const configured = table(named1)
    const [entry] = configured.due(0, false, idle)
    for (let i = 0; i < 30; i++) {
      configured.recordFailure(entry as NonNullable<typeof entry>, 0, 'refused')
    }
    expect(configured.due(60_000, false, idle)).toHaveLength(1)
    expect(configured.due(ISOLATED_CAP, true, idle)).toHaveLength(1)
    expect(configured.due(ISOLATED_CAP - 1, true, idle)).toHaveLength(
      (entry?.nextAttemptAt ?? 0) < ISOLATED_CAP ? 1 : 0
    )
    expect(entry).toMatchObject({ failures: 30, lastError: 'refused' })
  })

  it('waits longer and longer for one that answers and says each time that it has no room, until a link was of use', () => {
    const configured = table(named1)
    const id = named('a')
    const entry = configured.of(id) as NonNullable<ReturnType<typeof configured.of>>
    const parts = { configured, memory: new DialMemory(seededRng(1)), book: makeBook(named('me')) }
    const visit = (duration: number): number => {
      configured.recordAnswer(entry, id, 0)
      const link = { id, direction: 'outbound', connectedAt: 0, group: 'g', scope: 'public' } as unknown as Link
      noteLinkEnd(parts, id, { link, wasLetGo: true, isOnline: true, at: duration })
      return entry.failures
    }
    expect([500, 500, 500, 60_000, 500].map(visit)).toEqual([1, 2, 3, 1, 1])
  })

  it('waits with every entry of a peer that stands in two lists, or answers at two addresses', () => {
    const id = named('a')
    const configured = table(named1, { ...named1, persistence: 'persistent' }, nameless)
    for (const entry of configured.due(0, false, idle)) {
      configured.recordAnswer(entry, id, 0)
    }
    configured.recordEnd(id, 0, false)
    expect(configured.due(0, false, idle)).toEqual([])
    expect(configured.due(1_000, false, idle)).toHaveLength(3)
  })

  it('is not dialled twice within a second, though nobody should tell what became of the dial', () => {
    const configured = table(named1)
    const [entry] = configured.due(0, false, idle)
    configured.recordAttempt(entry as NonNullable<typeof entry>, 0)
    expect(configured.due(999, false, idle)).toEqual([])
    expect(configured.due(1_000, false, idle)).toHaveLength(1)
  })

  it('does not dial a peer of another network before its time is up, not even in isolation', () => {
    const configured = table(named1)
    const [entry] = configured.due(0, true, idle)
    Object.assign(entry ?? {}, { heldUntil: 3_600_000 })
    configured.clearBackoffs()
    expect(configured.due(3_599_999, true, idle)).toEqual([])
    expect(configured.due(3_600_000, true, idle)).toHaveLength(1)
  })

  it('asks a seed once in ten minutes at most, and goes on asking it for ever', () => {
    const configured = table(seed)
    const [entry] = configured.due(0, false, idle)
    configured.recordAnswer(entry as NonNullable<typeof entry>, named('s'), 1_000)
    configured.recordFailure(entry as NonNullable<typeof entry>, 2_000)
    expect(configured.due(600_999, false, idle)).toEqual([])
    expect(configured.due(601_000, false, idle)).toHaveLength(1)
  })

  it('takes a peer that is both seed and bootstrap for a bootstrap peer', () => {
    const configured = table({ ...seed, id: named('a') }, named1)
    expect(configured.of(named('a'))?.persistence).toBe('bootstrap')
  })

  it('keeps what it knows of those that stay when the list is read again', () => {
    const configured = table(named1)
    const [entry] = configured.due(0, false, idle)
    configured.recordFailure(entry as NonNullable<typeof entry>, 0, 'refused')
    configured.replace([named1, nameless])
    expect(configured.of(named('a'))?.failures).toBe(1)
    configured.replace([nameless])
    expect(configured.of(named('a'))).toBeUndefined()
  })
})
