import { isIPv4 } from 'node:net'
import { systemClock, systemRng, type Clock, type Rng } from '@penin/interface'
import { StateDocument } from './state-document.js'
import { MAX_STATE_BYTES, readState, updateState, type StateFileTools } from './state-file.js'

/**
 * Peers that are taken from beacons, at most, those of the file included. Beacons prove nothing, and a table without
 * end is what an attacker on the LAN would fill; no LAN has so many honest nodes. A file that has more keeps them.
 */
export const MAX_KNOWN_PEERS = 4096

/** How long a Python node may take to write its file in place, in milliseconds. */
const SETTLE_TIME = 2_000

export interface LegacyStateInit {
  clock?: Clock
  rng?: Rng
  /** Most peers to know; see {@link MAX_KNOWN_PEERS}. @default 4_096 */
  maxPeers?: number
  /** Largest file to read or write, in bytes. @default 16_777_216 */
  maxBytes?: number
  /**
   * Milliseconds until a file that can't be parsed counts as malformed. A Python node empties the file before it fills
   * it again, so a reader may come in between. @default 2_000
   */
  settleTime?: number
}

/** What a beacon of a Python node tells; its other fields don't matter here. */
export interface LegacyPeer {
  /** The source address of the beacon; one without, or from 0.0.0.0, is not added. */
  address: string | undefined
  port: number
}

/** What the Python orchestrator is for others: the peers it has ever seen, and the file they are kept in. */
export interface LegacyKnownPeers {
  /** `ip:port`, in the order in which they were learned. Those that came from the file have not been checked. */
  readonly knownPeers: ReadonlySet<string>
  /** Whether there is anything that has not been saved. */
  readonly isDirty: boolean
  /** Adds `ip:port`, IPv4. False if it is known, unusable (0.0.0.0, port 0) or one too many. */
  addKnownPeer(peer: string): boolean
  /**
   * Forgets a peer, here and at the next save in the file. A program that still knows it, as a running Python node does,
   * brings it back with its own next save. False if it isn't known.
   */
  removeKnownPeer(peer: string): boolean
  /** A callback for beacons: the Python node's `_on_peer_discovered`. Never throws. */
  readonly onPeerDiscovered: (peer: LegacyPeer) => boolean
}

/** For one call. A cancelled save leaves the old file or the new one behind. */
export interface LegacyStateOptions {
  signal?: AbortSignal
}

/**
 * The Python orchestrator's known peers, with its `save_state` and `load_state`.
 *
 * It owns nothing but `known_peers`. What else stands in a file stays there, whoever wrote it.
 */
export class LegacyOrchestrator implements LegacyKnownPeers {
  #known = new Set<string>()
  #added = new Set<string>()
  #removed = new Set<string>()
  /** What was loaded or saved last: the rest of it goes into a file that doesn't exist yet. */
  #document: StateDocument | undefined
  readonly #init: Required<LegacyStateInit>

  constructor(init: LegacyStateInit = {}) {
    this.#init = {
      clock: systemClock,
      rng: systemRng,
      maxPeers: MAX_KNOWN_PEERS,
      maxBytes: MAX_STATE_BYTES,
      settleTime: SETTLE_TIME,
      ...init
    }
  }

  get knownPeers(): ReadonlySet<string> {
    return this.#known
  }

  get isDirty(): boolean {
    return this.#added.size + this.#removed.size > 0
  }

  addKnownPeer(peer: string): boolean {
    if (this.#known.has(peer) || this.#known.size >= this.#init.maxPeers || !isUsable(peer)) {
      return false
    }
    this.#known.add(peer)
    if (!this.#removed.delete(peer)) {
      this.#added.add(peer)
    }
    return true
  }

  removeKnownPeer(peer: string): boolean {
    if (!this.#known.delete(peer)) {
      return false
    }
    if (!this.#added.delete(peer)) {
      this.#removed.add(peer)
    }
    return true
  }

  readonly onPeerDiscovered = ({ address, port }: LegacyPeer): boolean =>
    address != null && this.addKnownPeer(`${address}:${port}`)

  /**
   * Adds the peers of a file to those known. Unlike the Python one it forgets none: what another program has dropped
   * from the file by writing its own, older list comes back at the next save.
   *
   * @returns false if there is no such file
   * @throws LegacyStateMalformedError, LegacyStateTooLargeError, LegacyStateUnreadableError, or the signal's reason
   */
  async loadState(path: string, options: LegacyStateOptions = {}): Promise<boolean> {
    const document = await readState(path, this.#tools(options))
    if (document == null) {
      return false
    }
    this.#settle(document, this.#known)
    return true
  }

  /**
   * Puts the known peers into a file, and takes those that others have put there meanwhile. All else that stands in it
   * stays. If there is no such file, it becomes one like that which was loaded, or like a Python node's first.
   *
   * @throws LegacyStateConflictError, LegacyStateUnwritableError, and what {@link loadState} throws
   */
  async saveState(path: string, options: LegacyStateOptions = {}): Promise<void> {
    const removed = new Set(this.#removed)
    const known = new Set(this.#known)
    const rest = this.#document ?? StateDocument.empty()
    const saved = await updateState(
      path,
      // A removed one that the file still has goes; so do those of `rest` that nobody knows any more.
      (now) => (now ?? rest).withChange({ add: known, remove: now == null ? missing(rest, known) : removed }),
      this.#tools(options)
    )
    this.#settle(saved, known)
  }

  /**
   * `document` is in the file, and `before` was known when that began: what has been added or removed since is not in
   * it yet.
   */
  #settle(document: StateDocument, before: ReadonlySet<string>): void {
    const inFile = new Set(document.peers)
    const gone = [...this.#removed, ...before].filter((peer) => inFile.has(peer) && !this.#known.has(peer))
    this.#document = document
    this.#removed = new Set(gone)
    this.#known = new Set([...inFile, ...this.#known].filter((peer) => !this.#removed.has(peer)))
    this.#added = new Set([...this.#known].filter((peer) => !inFile.has(peer)))
  }

  #tools({ signal }: LegacyStateOptions): StateFileTools {
    return { ...this.#init, signal }
  }
}

function missing(document: StateDocument, known: ReadonlySet<string>): Set<string> {
  return new Set(document.peers.filter((peer) => !known.has(peer)))
}

/** An IPv4 address other than 0.0.0.0, which is what a host without a route sees its own beacons come from. */
function isUsable(peer: string): boolean {
  const [, address, port] = /^([0-9.]{7,15}):([1-9][0-9]{0,4})$/.exec(peer) ?? []
  return address != null && isIPv4(address) && address !== '0.0.0.0' && Number(port) <= 65_535
}
