import type { Clock } from '@penin/interface'

/** Legacy peers at a time; about 600 bytes each. */
export const MAX_LEGACY_PEERS = 256

/** Legacy peers of one source address, so that one sender can't fill the table; a person trying things out has a few. */
export const MAX_PER_ADDRESS = 8

/** Milliseconds after which a silent peer is lost, at the least: six beacons of a Python node at its default. */
const MIN_LIFETIME = 60_000

/** Beacons that may get lost one after the other. */
const MISSED_BEACONS = 3

/** The longest interval that is learnt from a peer, in milliseconds. */
const MAX_INTERVAL = 3_600_000

/** What is known of a peer that sends no signed record, all of it unproven. */
export interface LegacyPeer {
  id: string
  /** Where its beacons come from; undefined if they come from 0.0.0.0, which is no place. */
  address: string | undefined
  /** The UDP port on which it listens for beacons; it has no other. */
  port: number
  /** Unix time in seconds of the first beacon by the peer's own clock; by ours if it named none. */
  timestamp: number
  /** Milliseconds since the Unix epoch, by our clock. */
  firstSeen: number
  lastSeen: number
}

/** A legacy beacon, and where it came from. */
export interface LegacySighting {
  id: string
  address: string | undefined
  port: number
  timestamp: number
}

/** What a sighting has changed. */
export interface LegacyChange {
  discovered?: LegacyPeer
  lost?: LegacyPeer
  /** There was no place for it. */
  refused?: true
}

interface Entry {
  peer: LegacyPeer
  /** Monotonic time of the last beacon. */
  heard: number
  /** Milliseconds between its beacons; 0 while only one was heard. */
  interval: number
  /** Silent for too long; remembered to learn its interval, should it come back. */
  isLost: boolean
}

/**
 * The peers that nobody vouches for. As in the Python node the first sighting of an id wins, so that a neighbour can't
 * take over somebody's name, but only for as long as that one is heard.
 */
export class LegacyTable {
  /** In order of the last beacon. */
  readonly #entries = new Map<string, Entry>()

  constructor(private readonly clock: Clock) {}

  /** Entries, those among them that are lost and only remembered; never above {@link MAX_LEGACY_PEERS}. */
  get held(): number {
    return this.#entries.size
  }

  get size(): number {
    return this.list().length
  }

  list(): LegacyPeer[] {
    return [...this.#entries.values()].filter(({ isLost }) => !isLost).map(({ peer }) => ({ ...peer }))
  }

  /** Takes note of a beacon. */
  see(sighting: LegacySighting): LegacyChange {
    const entry = this.#entries.get(sighting.id)
    if (entry == null) {
      return this.#add(sighting)
    }
    if (entry.isLost) {
      return this.#revive(entry, sighting)
    }
    const { peer } = entry
    const isLocated = peer.address == null && sighting.address != null
    const isSame = sighting.address == null || sighting.address === peer.address
    if (!isSame && !isLocated) {
      return {}
    }
    if (isLocated) {
      peer.address = sighting.address
    }
    this.#refresh(entry)
    return isLocated ? { discovered: { ...peer } } : {}
  }

  /** A peer says that it goes: believed if it comes from where the peer is. */
  leave(id: string, address: string | undefined): LegacyPeer | undefined {
    const entry = this.#entries.get(id)
    if (entry == null || entry.peer.address !== address) {
      return undefined
    }
    this.#entries.delete(id)
    return entry.isLost ? undefined : entry.peer
  }

  /** Those that have been silent for too long, which are lost from now on. */
  expire(): LegacyPeer[] {
    const now = this.clock.monotonic()
    const lost: LegacyPeer[] = []
    for (const [id, entry] of this.#entries) {
      const silence = now - entry.heard
      if (!entry.isLost && silence > Math.max(MIN_LIFETIME, MISSED_BEACONS * entry.interval)) {
        entry.isLost = true
        lost.push(entry.peer)
      }
      if (entry.isLost && silence > MISSED_BEACONS * MAX_INTERVAL) {
        this.#entries.delete(id)
      }
    }
    return lost
  }

  clear(): void {
    this.#entries.clear()
  }

  #add(sighting: LegacySighting): LegacyChange {
    const { lost, refused } = this.#makeRoom(sighting.address)
    if (refused === true) {
      return { refused }
    }
    const now = this.clock.now()
    const peer = { ...sighting, firstSeen: now, lastSeen: now }
    this.#entries.set(peer.id, { peer, heard: this.clock.monotonic(), interval: 0, isLost: false })
    return { discovered: { ...peer }, ...(lost == null ? {} : { lost }) }
  }

  #revive(entry: Entry, sighting: LegacySighting): LegacyChange {
    const isSame = sighting.address === entry.peer.address
    if (!isSame) {
      this.#entries.delete(sighting.id)
      return this.#add(sighting)
    }
    const now = this.clock.now()
    entry.peer = { ...sighting, firstSeen: now, lastSeen: now }
    entry.isLost = false
    this.#refresh(entry)
    return { discovered: { ...entry.peer } }
  }

  #refresh(entry: Entry): void {
    const now = this.clock.monotonic()
    const gap = now - entry.heard
    // several copies of one beacon come over several interfaces: a gap says something only from a second on
    if (gap >= 1000) {
      entry.interval = Math.min(MAX_INTERVAL, gap)
    }
    entry.heard = now
    entry.peer.lastSeen = this.clock.now()
    this.#entries.delete(entry.peer.id)
    this.#entries.set(entry.peer.id, entry)
  }

  /**
   * In a full table one who is lost goes first, then whoever was heard only once and longest ago: an attacker's names
   * come once, a node's beacon comes again. Those that came again stay.
   */
  #makeRoom(address: string | undefined): { lost?: LegacyPeer; refused?: true } {
    const entries = [...this.#entries.values()]
    if (entries.filter(({ peer, isLost }) => !isLost && peer.address === address).length >= MAX_PER_ADDRESS) {
      return { refused: true }
    }
    if (entries.length < MAX_LEGACY_PEERS) {
      return {}
    }
    const victim = entries.find(({ isLost }) => isLost) ?? entries.find(({ interval }) => interval === 0)
    if (victim == null) {
      return { refused: true }
    }
    this.#entries.delete(victim.peer.id)
    return victim.isLost ? {} : { lost: victim.peer }
  }
}
