import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Candidate } from '@penin/interface'
import type { PeerScope } from './selection/groups.js'

/** Ids to be left out of a choice. */
export type Excluded = Pick<ReadonlySet<string>, 'has'>

/** What the keeper reads of a peer in its book. */
export interface BookedPeer {
  readonly id: string
  /** As text, without the peer's id at the end. */
  readonly addresses: ReadonlyArray<{ readonly text: string; readonly scope: PeerScope }>
  /** Who counts as one with it: see `netGroup()`. */
  readonly group: string
  /** Whether this node has reached it itself. */
  readonly table: 'new' | 'tried' | 'pinned'
  readonly source: Candidate['source']
}

/**
 * The memory of the keeper: which peers exist, where, and how good they were. `AddressBook` of `@penin/peer-store` is one;
 * another must be bounded as well, and must never throw for what a peer can cause.
 */
export interface PeerBook {
  /** Takes in what a source says of a peer. */
  addCandidate(candidate: Candidate): { status: 'added' | 'updated' | 'refused' }
  get(id: PeerId | string): BookedPeer | undefined
  remove(id: PeerId | string): boolean
  /** The peer is being dialled. */
  attempt(id: PeerId | string): void
  /** The peer was reached by a connection of ours at that address, and is one of us. */
  good(id: PeerId | string, how: { address: Multiaddr }): void
  /** The peer was not reached; `offline` if nobody was, so that it says nothing about the peer. */
  failed(id: PeerId | string, how: { offline: boolean }): void
  /** The peer is there, whoever opened the connection. */
  seen(id: PeerId | string): void
  /** Different peers to dial, the better ones likelier. */
  select(options: { count: number; exclude: Excluded; scopeFilter: readonly DialScope[] }): BookedPeer[]
  /** A peer never reached so far, to be dialled only to see whether it answers. */
  feelerCandidate(options: { exclude: Excluded; scopeFilter: readonly DialScope[] }): BookedPeer | undefined
  /** Peers that must be dialled before others may take their places. */
  pendingTests(): ReadonlyArray<{ readonly incumbent: string }>
  /** Whom to dial first after a restart. */
  anchors(): BookedPeer[]
  anchorIds(): string[]
  setAnchors(ids: readonly string[]): void
  /** Says that a peer is never to be displaced, or that it may be again. */
  mark(id: PeerId | string, marks: { persistent: boolean }): void
  marked(): ReadonlyArray<{ readonly id: string; readonly marks: { readonly persistent?: boolean } }>
  /** Until when the peer is banned, wall clock; undefined if it is not. The book itself never chooses one that is. */
  bannedUntil(id: PeerId | string): number | undefined
  /** Clears out some of what is of no use any more. */
  expire(): void
}

/** Scopes of addresses that this node can dial; onion and relayed addresses need transports it has not. */
export type DialScope = 'loopback' | 'private' | 'public' | 'name'

/** All of {@link DialScope}. */
export const DIALLED_SCOPES: readonly DialScope[] = ['loopback', 'private', 'public', 'name']
