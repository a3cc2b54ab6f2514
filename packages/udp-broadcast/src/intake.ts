import type { PeerId } from '@libp2p/interface'
import {
  RateLimiter,
  type AddressScope,
  type Candidate,
  type Clock,
  type Family,
  type RateLimit
} from '@penin/interface'
import { MAX_BEACON_BYTES, readBeacon, type LegacyBeacon, type SignedBeacon } from './beacon.js'
import { KnownPeers } from './known-peers.js'
import { LegacyTable, type LegacyPeer } from './legacy-table.js'
import type { DropReason } from './options.js'
import { fittingAddresses, verifyRecord } from './record.js'

/**
 * Datagrams parsed for each source address. A node sends each beacon to two or three destinations every 10 s: an honest
 * source needs a thirtieth of it, even with ten nodes on one host.
 */
export const SOURCE_LIMIT: RateLimit = { perSecond: 10, burst: 20 }

/** Datagrams parsed in all: each may cost a signature check of about 0.1 ms, so that a flood costs 2 % of a core. */
export const TOTAL_LIMIT: RateLimit = { perSecond: 200, burst: 200 }

/** Source addresses that are told apart at a time; about 100 bytes each. */
export const MAX_SOURCES = 1024

/** Where a datagram came from. */
export interface Source {
  /** Without zone. */
  address: string
  family: Family
  /** Undefined: it comes from further away than the links reach. */
  scope: AddressScope | undefined
}

/** What a datagram has led to. */
export type Verdict =
  | { kind: 'drop'; reason: DropReason; droppedAddresses?: number }
  | { kind: 'peer'; candidate: Candidate; isNews: boolean; droppedAddresses: number }
  | { kind: 'goodbye'; id: PeerId }
  | { kind: 'legacy'; discovered?: LegacyPeer; lost?: LegacyPeer; bye?: true }

export interface IntakeInit {
  ownId: string
  networkId: string
  /** The port of a legacy peer that names none. */
  port: number
  clock: Clock
}

/** Decides what a datagram is. No I/O: whoever has the sockets brings the datagrams and tells the world. */
export class Intake {
  readonly known: KnownPeers
  readonly legacy: LegacyTable
  readonly #sources: RateLimiter
  readonly #total: RateLimiter

  constructor(private readonly init: IntakeInit) {
    const { clock } = init
    this.known = new KnownPeers(clock)
    this.legacy = new LegacyTable(clock)
    this.#sources = new RateLimiter(SOURCE_LIMIT, clock, MAX_SOURCES)
    this.#total = new RateLimiter(TOTAL_LIMIT, clock)
  }

  /**
   * What to do with a datagram: a verdict at once, or one that waits for a signature check. Neither throws nor rejects.
   * The common bucket is only asked when the source's own lets the datagram through, so that a single flooder can't
   * spend everybody's share.
   */
  take(datagram: Uint8Array, source: Source): Verdict | Promise<Verdict> {
    if (datagram.byteLength > MAX_BEACON_BYTES) {
      return drop('too-big')
    }
    if (source.scope == null) {
      return drop('off-link')
    }
    if (!this.#sources.take(source.address) || !this.#total.take('')) {
      return drop('rate-limited')
    }
    const beacon = readBeacon(datagram)
    if (beacon.kind === 'drop') {
      return beacon
    }
    if (beacon.id === this.init.ownId) {
      return drop('own')
    }
    return beacon.kind === 'legacy' ? this.#takeLegacy(beacon, source) : this.#takeSigned(beacon, source.scope)
  }

  clear(): void {
    this.known.clear()
    this.legacy.clear()
  }

  #takeSigned(beacon: SignedBeacon, scope: AddressScope): Verdict | Promise<Verdict> {
    if (beacon.net !== this.init.networkId) {
      return drop('other-network')
    }
    return this.known.mayBeNews(beacon.id, beacon.seq) ? this.#verify(beacon, scope) : drop('stale')
  }

  async #verify(beacon: SignedBeacon, scope: AddressScope): Promise<Verdict> {
    const record = await verifyRecord(beacon)
    if (typeof record === 'string') {
      return drop(record)
    }
    // a copy of it may have been verified in the meantime
    if (!this.known.mayBeNews(beacon.id, beacon.seq)) {
      return drop('stale')
    }
    const { id, envelope, seq } = record
    const multiaddrs = fittingAddresses(record, scope)
    const droppedAddresses = record.multiaddrs.length - multiaddrs.length
    if (multiaddrs.length === 0) {
      if (!this.known.takeWithout(beacon.id, beacon.seq)) {
        return drop('stale')
      }
      // the word itself isn't signed; that there are no addresses any more is
      const isGoodbye = beacon.bye && record.multiaddrs.length === 0
      return isGoodbye ? { kind: 'goodbye', id } : { ...drop('no-addresses'), droppedAddresses }
    }
    const isNews = this.known.take(beacon.id, beacon.seq, multiaddrs.map(String).sort().join(' '))
    const candidate: Candidate = { id, multiaddrs, source: 'udp' }
    if (droppedAddresses === 0) {
      candidate.record = { envelope, seq }
    }
    return { kind: 'peer', candidate, isNews, droppedAddresses }
  }

  #takeLegacy({ id, port, timestamp, bye }: LegacyBeacon, source: Source): Verdict {
    if (source.family === 6) {
      return drop('legacy-ipv6')
    }
    const address = source.address === '0.0.0.0' ? undefined : source.address
    if (bye) {
      const lost = this.legacy.leave(id, address)
      return { kind: 'legacy', bye, ...(lost == null ? {} : { lost }) }
    }
    const { refused, ...change } = this.legacy.see({
      id,
      address,
      port: port ?? this.init.port,
      timestamp: timestamp ?? this.init.clock.now() / 1000
    })
    return refused === true ? drop('legacy-full') : { kind: 'legacy', ...change }
  }
}

function drop(reason: DropReason): Verdict & { kind: 'drop' } {
  return { kind: 'drop', reason }
}
