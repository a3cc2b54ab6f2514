import { multiaddr } from '@multiformats/multiaddr'
import { seededRng } from '@penin/testing'
import { describe, expect, it } from 'vitest'
import { ConfiguredPeers, ISOLATED_CAP, type ConfiguredPeer } from '../src/configured-peers.js'
import { named } from './support.js'

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
