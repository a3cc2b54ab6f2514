import type { Connection, PeerId } from '@libp2p/interface'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '@penin/interface'
import type { DialMemory } from './dial-memory.js'
import { MAX_DIALLED_ADDRESSES, type Dialler, type DialTarget } from './dialler.js'
import { DialFailedError } from './errors.js'
import type { DialReason, EndedDial } from './keeper-contract.js'
import type { PeerBook } from './peer-book.js'

/** What a {@link BookedDialler} works with. */
export interface BookedDiallerParts {
  dialler: Dialler
  book: PeerBook
  memory: DialMemory
  clock: Clock
  /** False while this node has no peer at all: then a failure says nothing about the peer. */
  isOnline: () => boolean
  onStart: (dial: { target: string; reason: DialReason }) => void
  onEnd: (dial: EndedDial) => void
}

/** Dials with the addresses in the book beside those given, and tells the book how it went. */
export class BookedDialler {
  constructor(private readonly parts: BookedDiallerParts) {}

  /** @throws what {@link Dialler.dial} throws */
  async dial(target: DialTarget, reason: DialReason, signal?: AbortSignal): Promise<Connection> {
    const { book, dialler, onStart, onEnd } = this.parts
    const detail = { target: (target.addresses?.[0] ?? target.id)?.toString() ?? '*', reason }
    const who = target.id == null ? {} : { id: target.id }
    onStart(detail)
    if (target.id != null) {
      book.attempt(target.id)
    }
    try {
      const addresses = this.#addressesOf(target)
      const connection = await dialler.dial({ ...target, addresses }, { ...(signal && { signal }) })
      onEnd({ ...detail, id: connection.remotePeer, ok: true })
      return connection
    } catch (error) {
      const { name, message } = error as Error
      if (signal?.aborted !== true && name !== 'DialSelfError') {
        const inconclusive = !this.parts.isOnline() || name === 'NoAddressesError' || isRefusedHere(error)
        this.#blame(target.id, message, inconclusive)
        onEnd({ ...detail, ...who, ok: false, error: message, ...(inconclusive && { inconclusive }) })
      }
      throw error
    }
  }

  /** It is not dialled again at once in any case. */
  #blame(id: PeerId | undefined, error: string, inconclusive: boolean): void {
    const { book, memory, clock } = this.parts
    if (id != null) {
      memory.failed(id.toString(), clock.monotonic(), error)
      book.failed(id, { offline: inconclusive })
    }
  }

  /** The addresses that were given, then those in the book; what libp2p has stored counts only if there are none. */
  #addressesOf({ id, addresses = [] }: DialTarget): Multiaddr[] {
    const booked = id == null ? undefined : this.parts.book.get(id)?.addresses
    if (booked == null) {
      return addresses.slice(0, MAX_DIALLED_ADDRESSES)
    }
    const given = new Set(addresses.map(String))
    const more = booked.filter(({ text }) => !given.has(text) && !given.has(`${text}/p2p/${id?.toString() ?? ''}`))
    return [...addresses, ...more.map(({ text }) => multiaddr(text))].slice(0, MAX_DIALLED_ADDRESSES)
  }
}

/** Whether this node itself did not let the dial out, to any of the addresses. */
function isRefusedHere(error: unknown): boolean {
  return error instanceof DialFailedError && error.attempts.every(({ stage }) => stage === 'gate')
}
