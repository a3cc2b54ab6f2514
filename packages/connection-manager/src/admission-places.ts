import type { Connection, MultiaddrConnection, PeerId } from '@libp2p/interface'
import type { ConnectionCounts, LimitRefusal } from './selection/index.js'

/** A connection that was let in. */
export interface Place {
  /** Names it towards counts by subnet, country and network. */
  readonly key: string
  readonly direction: 'inbound' | 'outbound'
  readonly peer: PeerId
  /** The limit beyond which it was let in, for a short while. */
  surplus?: LimitRefusal['reason']
}

interface PlacesInit {
  /** Whether a connection takes no place of others, now. */
  isExempt: (peer: PeerId, direction: 'inbound' | 'outbound') => boolean
  onReleased: (place: Place) => void
}

/**
 * Who has been let in and is not gone. libp2p lists a connection only some time after the gater was asked, so its list
 * would let in too many of a crowd; here a place is taken in the moment of the decision, and given back when the raw
 * connection closes. As bounded as the connection limits are.
 */
export class Places {
  readonly #init: PlacesInit
  readonly #places = new Map<MultiaddrConnection, Place>()
  readonly #ordinary: ConnectionCounts = { inbound: 0, outbound: 0 }
  /** Places of those who were exempt when they came; some are exempt only for a moment. */
  readonly #special = new Set<Place>()
  /** By the `timeline`, which libp2p's finished connection shares with the raw one; the oldest come first. */
  readonly #surplus = new Map<object, { raw: MultiaddrConnection; place: Place }>()
  #lastKey = 0

  constructor(init: PlacesInit) {
    this.#init = init
  }

  /** Open connections, without those of exempt peers. */
  counts(): ConnectionCounts {
    const counts = { ...this.#ordinary }
    for (const { peer, direction } of this.#special) {
      counts[direction] += this.#init.isExempt(peer, direction) ? 0 : 1
    }
    return counts
  }

  /** Beyond which limit a connection was let in; undefined if it has a place like others, or none. */
  surplusOf({ timeline }: Pick<Connection, 'timeline'>): LimitRefusal['reason'] | undefined {
    return this.#surplus.get(timeline)?.place.surplus
  }

  /** Connections that have a place for a short while only. */
  get surplus(): number {
    return this.#surplus.size
  }

  /** The place is one for a short while. */
  markSurplus(raw: MultiaddrConnection, reason: LimitRefusal['reason']): void {
    const place = this.#places.get(raw)
    if (place != null) {
      place.surplus = reason
      this.#surplus.set(raw.timeline, { raw, place })
    }
  }

  /** The connection that has had a place for a short while for longest, and is not going, has one like others now. */
  promoteNext(): Place | undefined {
    const next = [...this.#surplus.values()].find(({ raw }) => raw.status === 'open')
    if (next != null) {
      this.#surplus.delete(next.raw.timeline)
      delete next.place.surplus
    }
    return next?.place
  }

  has(raw: MultiaddrConnection): boolean {
    return this.#places.has(raw)
  }

  take(raw: MultiaddrConnection, peer: PeerId, direction: 'inbound' | 'outbound'): Place {
    const place: Place = { key: String(++this.#lastKey), direction, peer }
    this.#places.set(raw, place)
    if (this.#init.isExempt(peer, direction)) {
      this.#special.add(place)
    } else {
      this.#ordinary[direction]++
    }
    raw.addEventListener(
      'close',
      () => {
        this.release(raw)
      },
      { once: true }
    )
    return place
  }

  /** Gives the place back; again does nothing. */
  release(raw: MultiaddrConnection): void {
    const place = this.#places.get(raw)
    if (place == null) {
      return
    }
    this.#places.delete(raw)
    this.#surplus.delete(raw.timeline)
    if (!this.#special.delete(place)) {
      this.#ordinary[place.direction]--
    }
    this.#init.onReleased(place)
  }
}
