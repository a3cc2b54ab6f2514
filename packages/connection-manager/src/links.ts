import type { OutboundPeer } from './anchors.js'

/** A peer that has said no hello for so long after connecting won't; hello itself gives up sooner. In milliseconds. */
const GREETING_TIME = 20_000

/** A connected peer; however many connections it has for a moment, it counts once. */
export interface Link {
  /** When it was opened, of the monotonic clock. */
  readonly since: number
  readonly direction: 'inbound' | 'outbound'
}

/** Who is connected, and which of them are greeted peers. As bounded as libp2p's connections are. */
export class Links {
  readonly #open = new Map<string, Link>()
  readonly #accepted = new Set<string>()

  /** Greeted peers. */
  get peers(): number {
    return this.#accepted.size
  }

  has(id: string): boolean {
    return this.#open.has(id)
  }

  isAccepted(id: string): boolean {
    return this.#accepted.has(id)
  }

  open(id: string, link: Link): void {
    this.#open.set(id, link)
  }

  accept(id: string): void {
    this.#accepted.add(id)
  }

  /** The link is gone. */
  close(id: string): Link | undefined {
    const link = this.#open.get(id)
    this.#open.delete(id)
    this.#accepted.delete(id)
    return link
  }

  /** How many have connected a moment ago and may yet become peers. */
  greeting(at: number): number {
    let count = 0
    for (const [id, { since }] of this.#open) {
      count += !this.#accepted.has(id) && at - since < GREETING_TIME ? 1 : 0
    }
    return count
  }

  /** Greeted peers that this node has dialled. */
  outbound(): OutboundPeer[] {
    return [...this.#open].flatMap(([id, { since, direction }]) =>
      direction === 'outbound' && this.#accepted.has(id) ? [{ id, since }] : []
    )
  }

  clear(): void {
    this.#open.clear()
    this.#accepted.clear()
  }
}
