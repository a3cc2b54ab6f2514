import type { Connection } from '@libp2p/interface'
import { ipOf, observedScope } from '@penin/interface'
import { netGroup } from './selection/groups.js'
import type { ConnectionCounts } from './selection/limits.js'
import type { OutboundPeer } from './selection/outbound-situation.js'

/** A peer that has said no hello for so long after connecting won't; hello itself gives up sooner. In milliseconds. */
const GREETING_TIME = 20_000

/** A connected peer; however many connections it has for a moment, it counts once. */
export interface Link extends OutboundPeer {
  readonly direction: 'inbound' | 'outbound'
  /** The IP address at the other end. */
  readonly ip: string | undefined
}

/** What is kept of a link; where its other end is gets worked out when it is first asked for, not while it opens. */
interface OpenLink extends Pick<Connection, 'direction' | 'remoteAddr'> {
  readonly id: string
  readonly connectedAt: number
  link?: Link
}

/** Who is connected, and which of them are greeted peers. As bounded as libp2p's connections are. */
export class Links {
  readonly #open = new Map<string, OpenLink>()
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

  get(id: string): Link | undefined {
    const open = this.#open.get(id)
    return open == null ? undefined : linkOf(open)
  }

  open(id: string, { direction, remoteAddr }: Pick<Connection, 'direction' | 'remoteAddr'>, connectedAt: number): void {
    this.#open.set(id, { id, direction, connectedAt, remoteAddr })
  }

  /** One of several connections to a peer has been closed: the link is what is left of them. */
  reduce(id: string, left: ReadonlyArray<Pick<Connection, 'direction' | 'remoteAddr'>>): void {
    const link = this.#open.get(id)
    const survivor = left.find(({ direction }) => direction === 'outbound') ?? left[0]
    if (link != null && survivor != null) {
      this.open(id, survivor, link.connectedAt)
    }
  }

  accept(id: string): void {
    this.#accepted.add(id)
  }

  /** The link is gone. */
  close(id: string): Link | undefined {
    const link = this.get(id)
    this.#open.delete(id)
    this.#accepted.delete(id)
    return link
  }

  /** Peers, and those that have connected a moment ago and may yet become peers. */
  counts(at: number): ConnectionCounts {
    const counts = { inbound: 0, outbound: 0 }
    for (const { id, direction, connectedAt } of this.#open.values()) {
      counts[direction] += this.#accepted.has(id) || at - connectedAt < GREETING_TIME ? 1 : 0
    }
    return counts
  }

  /** Greeted peers, however they came. */
  accepted(): Link[] {
    return [...this.#open.values()].filter(({ id }) => this.#accepted.has(id)).map(linkOf)
  }

  /** Peers that this node has dialled, greeted or not. */
  outbound(): OutboundPeer[] {
    return [...this.#open.values()].filter(({ direction }) => direction === 'outbound').map(linkOf)
  }

  clear(): void {
    this.#open.clear()
    this.#accepted.clear()
  }
}

function linkOf(open: OpenLink): Link {
  const { id, direction, connectedAt, remoteAddr } = open
  open.link ??= {
    id,
    direction,
    connectedAt,
    group: netGroup(remoteAddr),
    scope: observedScope(remoteAddr),
    ip: ipOf(remoteAddr)?.ip
  }
  return open.link
}
