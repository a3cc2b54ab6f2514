import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { PeerSource, Rng } from '@penin/interface'
import { backoff, CANDIDATE_BACKOFF, PERSISTENT_BACKOFF } from './backoff.js'

/** A peer that is redialled for ever, and why. */
export type Persistence = 'bootstrap' | 'persistent'

/** What the dialler knows of a peer. Times are milliseconds: `…At` of the monotonic clock, the others wall-clock. */
export interface KnownPeer {
  readonly id: PeerId
  readonly sources: Set<PeerSource>
  /** Addresses that sources have named in this run, as strings; see {@link KnownPeers.noteAddresses}. */
  readonly addresses: Set<string>
  persistence?: Persistence
  firstSeen: number
  lastSeen: number
  lastSuccess?: number
  /** Failed dials, and links that broke within a minute, since the last link that held longer. */
  failures: number
  lastAttemptAt?: number
  /** Not dialled before this time of the monotonic clock. */
  nextAttemptAt: number
  lastError?: string
  /** The peer is of another network, or otherwise unwanted for a while; kept apart from backoff, which may be cleared. */
  held?: { until: number; reason: string }
}

/**
 * A link that breaks sooner than this was no success: without such a rule a peer that hangs up on us after every hello
 * would be redialled at once, for ever. In milliseconds.
 */
const USEFUL_AFTER = 60_000

/** Addresses of one peer, at most: both protocols, a few interfaces, a few networks it has been seen in. */
export const MAX_ADDRESSES = 16

/** An entry that nobody has named for so long may be displaced; Bitcoin Core's horizon (addrman.h, ADDRMAN_HORIZON). */
const STALE_AFTER = 30 * 24 * 3_600_000

/** How a dial to a known peer ended. */
export interface DialOutcome {
  ok: boolean
  /** Wall clock. */
  now: number
  /** Monotonic clock. */
  at: number
  error?: string
  /** False while this node has no peer at all: then a failure says nothing about the peer. */
  online: boolean
}

/**
 * Three failures and never a success: such an entry is dropped, as Bitcoin Core's address manager does with what it
 * calls terrible entries (addrman.h, ADDRMAN_RETRIES).
 */
const FORGET_AFTER_FAILURES = 3

/**
 * The bounded table of peers that can be dialled: pure bookkeeping without I/O, clocks or timers.
 *
 * When it is full, a newcomer takes the place of the entry that has failed most often and was seen longest ago. An entry
 * that has not failed and was named within a month keeps its place, or a flood of invented peers would push out the real
 * ones; persistent peers are never displaced, and neither is anybody the caller protects (the connected ones).
 */
export class KnownPeers {
  readonly #peers = new Map<string, KnownPeer>()

  constructor(
    readonly maxSize: number,
    private readonly rng: Rng
  ) {}

  get size(): number {
    return this.#peers.size
  }

  get(id: PeerId): KnownPeer | undefined {
    return this.#peers.get(id.toString())
  }

  values(): IterableIterator<KnownPeer> {
    return this.#peers.values()
  }

  /**
   * Adds a peer or notes one more source of a known one.
   *
   * @param isProtected entries that must not make room for the newcomer
   * @returns the entry, and whether it is new; nothing when the table is full of protected entries
   */
  add(
    id: PeerId,
    source: PeerSource,
    now: number,
    isProtected: (peer: KnownPeer) => boolean = () => false
  ): { peer: KnownPeer; added: boolean; displaced?: KnownPeer } | undefined {
    const known = this.get(id)
    if (known != null) {
      known.sources.add(source)
      known.lastSeen = Math.max(known.lastSeen, now)
      return { peer: known, added: false }
    }
    let displaced: KnownPeer | undefined
    if (this.#peers.size >= this.maxSize) {
      displaced = this.#worst(isProtected, now)
      if (displaced == null) {
        return undefined
      }
      this.remove(displaced.id)
    }
    const peer: KnownPeer = {
      id,
      sources: new Set([source]),
      addresses: new Set(),
      firstSeen: now,
      lastSeen: now,
      failures: 0,
      nextAttemptAt: 0
    }
    this.#peers.set(id.toString(), peer)
    return { peer, added: true, ...(displaced == null ? {} : { displaced }) }
  }

  /**
   * Notes the addresses that a source names and returns those worth storing: {@link MAX_ADDRESSES} a peer in a run, so that
   * nobody can fill the store with made-up addresses of one peer.
   */
  noteAddresses(peer: KnownPeer, addresses: readonly Multiaddr[]): Multiaddr[] {
    return addresses.filter((address) => {
      const text = address.toString()
      if (peer.addresses.has(text)) {
        return true // libp2p notes that it was confirmed
      }
      if (peer.addresses.size >= MAX_ADDRESSES) {
        return false
      }
      peer.addresses.add(text)
      return true
    })
  }

  remove(id: PeerId): boolean {
    return this.#peers.delete(id.toString())
  }

  /** Notes the end of a dial and plans the next one. Returns true if the peer should be forgotten. */
  record(peer: KnownPeer, outcome: DialOutcome): boolean {
    peer.lastAttemptAt = outcome.at
    if (outcome.ok) {
      peer.lastSuccess = outcome.now
      peer.lastSeen = outcome.now
      delete peer.lastError
      return false
    }
    peer.failures++
    if (outcome.error != null) {
      peer.lastError = outcome.error
    }
    this.#postpone(peer, outcome.at)
    return outcome.online && isHopeless(peer)
  }

  /**
   * Notes that the last connection to a peer is gone, `lived` milliseconds after it had opened. Returns true if the peer
   * should be forgotten.
   */
  recordDisconnect(peer: KnownPeer, lived: number, now: number, at: number, online = true): boolean {
    peer.lastSeen = now
    peer.failures = lived >= USEFUL_AFTER ? 0 : peer.failures + 1
    this.#postpone(peer, at)
    return online && isHopeless(peer)
  }

  /** Forgets how long to wait for whom: the world has changed (isolation, sleep, another network). */
  clearBackoffs(): void {
    for (const peer of this.#peers.values()) {
      peer.nextAttemptAt = 0
    }
  }

  #postpone(peer: KnownPeer, at: number): void {
    const policy = peer.persistence == null ? CANDIDATE_BACKOFF : PERSISTENT_BACKOFF
    peer.nextAttemptAt = at + backoff(policy, peer.failures, this.rng)
  }

  #worst(isProtected: (peer: KnownPeer) => boolean, now: number): KnownPeer | undefined {
    let worst: KnownPeer | undefined
    for (const peer of this.#peers.values()) {
      const isBlameless = peer.failures === 0 && now - peer.lastSeen < STALE_AFTER
      if (isBlameless || peer.persistence != null || isProtected(peer)) {
        continue
      }
      if (
        worst == null ||
        peer.failures > worst.failures ||
        (peer.failures === worst.failures && peer.lastSeen < worst.lastSeen)
      ) {
        worst = peer
      }
    }
    return worst
  }
}

function isHopeless(peer: KnownPeer): boolean {
  return peer.persistence == null && peer.lastSuccess == null && peer.failures >= FORGET_AFTER_FAILURES
}
