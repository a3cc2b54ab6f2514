import { randomInt, shuffled, type Rng } from '@penin/interface'
import { DEFAULT_MAX_SIZE, type BookEntry } from '@penin/peer-store'
import { FakeClock } from '@penin/testing'
import { GROUPS } from '../made-up-peers.js'
import { fillOutbound } from '../outbound.js'
import { PeninNode } from './penin-node.js'
import type { Links } from '../graph.js'

/** How long a round is, in milliseconds: below its target a node asks for peers as often (PEX: every 30 s). */
const ROUND = 30_000

/** Rounds between two questions of a node that has its peers, and before one peer is asked again (PEX: 10 min). */
const SLOW = 20

/** Questions that a node asks at once when it comes (PEX). */
const EAGER = 5

/** Rounds for which a peer that did not answer, or had no place, is left alone. */
const BACKOFF = 20

/** Rounds for which a node that is started again is off. */
const OFF = 2

/** Rounds between two feelers (every 2 minutes). */
const FEELER = 4

/** How often a node asks its book for peers in one round. */
const ATTEMPTS = 3

/** Rounds at the end without restarts: a node that is off has no links, and would pass for one that is cut off. */
const SETTLING = 6

/** Nodes that everybody knows from the beginning. */
const BOOTSTRAP = 3

/** What network is simulated. */
export interface PeninOverlayOptions {
  nodes: number
  /** Outbound connections a node wants. */
  outbound: number
  /** Inbound connections a node has room for. */
  maxInbound: number
  /** Entries a node's book holds at most, but for those of the bootstrap nodes. */
  bookSize: number
  /** Rounds of 30 s within which all nodes come. */
  joining: number
  /** Rounds after that. */
  rounds: number
  /** How long a node runs before it is started again, on average, in rounds. */
  session: number
}

/** What became of it. */
export interface PeninOverlay {
  links: Links
  /** Entries in the books, on average. */
  bookSize: number
  /** In how many other books each node stands. */
  known: number[]
}

/** Says how far it is: rounds done, of how many. */
export type OnProgress = (done: number, of: number) => void

/**
 * A network of nodes that know nobody but the bootstrap nodes, ask each other for peers, and dial whom their books
 * choose; now and then one is started again, with the book it had.
 */
export function peninOverlay(options: PeninOverlayOptions, rng: Rng, onProgress: OnProgress = () => {}): PeninOverlay {
  const network = new Network(options, rng)
  const rounds = options.joining + options.rounds
  for (let round = 0; round < rounds; round++) {
    network.run(round)
    onProgress(round + 1, rounds)
  }
  return network.result()
}

class Network {
  readonly #clock = new FakeClock()
  readonly #nodes: PeninNode[] = []
  readonly #byId = new Map<string, PeninNode>()

  constructor(
    private readonly options: PeninOverlayOptions,
    private readonly rng: Rng
  ) {}

  run(round: number): void {
    const { nodes, joining, rounds, session } = this.options
    const isRestless = round >= joining && round < joining + rounds - SETTLING
    const expected = Math.min(nodes, Math.ceil((nodes * (round + 1)) / joining))
    while (this.#nodes.length < expected) {
      this.#join(round)
    }
    for (const node of shuffled(this.rng, this.#nodes)) {
      if (isRestless && node.upAt <= round && this.rng.float() < 1 / session) {
        this.#stop(node, round)
      }
      if (node.upAt <= round) {
        this.#fill(node, round)
        this.#exchange(node, round)
        if ((round + node.index) % FEELER === 0) {
          this.#feel(node, round)
        }
      }
    }
    this.#clock.tick(ROUND)
  }

  result(): PeninOverlay {
    const known = this.#nodes.map(() => 0)
    for (const { book } of this.#nodes) {
      for (const { id } of book.entries()) {
        const index = this.#byId.get(id)?.index ?? -1
        known[index] = (known[index] ?? 0) + 1
      }
    }
    const links = this.#nodes.map(({ outbound }) => Int32Array.from(outbound))
    return { links, known, bookSize: known.reduce((sum, count) => sum + count, 0) / known.length }
  }

  #join(round: number): void {
    const { rng, options } = this
    const group = randomInt(rng, GROUPS)
    const clock = this.#clock
    const index = this.#nodes.length
    // The bootstrap nodes keep whole books, as real ones do; there would be no memory for everybody's.
    const bookSize = index < BOOTSTRAP ? DEFAULT_MAX_SIZE : options.bookSize
    const node = new PeninNode({ index, group, clock, rng, bookSize })
    for (const bootstrap of this.#nodes.slice(0, BOOTSTRAP)) {
      node.learn({ id: bootstrap.id, multiaddrs: [bootstrap.address], source: 'bootstrap', sourceGroup: 'config' })
    }
    this.#nodes.push(node)
    this.#byId.set(node.id, node)
    for (let i = 0; i < EAGER; i++) {
      this.#fill(node, round)
      this.#exchange(node, round)
    }
  }

  /** Dials until there are enough outbound connections or nobody is left. */
  #fill(node: PeninNode, round: number): void {
    const { outbound, inbound, book, backoff } = node
    if (outbound.size >= this.options.outbound) {
      return
    }
    if (outbound.size === 0) {
      for (const anchor of book.anchors()) {
        this.#dial(node, anchor, round)
      }
    }
    for (const [id, until] of backoff) {
      if (until <= round) {
        backoff.delete(id)
      }
    }
    const peers = [...outbound, ...inbound].map((index) => this.#at(index))
    const exclude = new Set([...peers.map(({ id }) => id), ...backoff.keys()])
    const connected = [...outbound].map((index) => this.#at(index))
    fillOutbound({
      book,
      count: this.options.outbound - outbound.size,
      exclude,
      connected,
      onePerGroup: true,
      attempts: ATTEMPTS,
      rng: this.rng,
      dial: (peer) => this.#dial(node, peer, round)
    })
    book.setAnchors([...outbound].slice(0, 2).map((index) => this.#at(index).id))
  }

  #dial(node: PeninNode, { id }: BookEntry, round: number): boolean {
    const other = this.#byId.get(id)
    node.book.attempt(id)
    if (other == null || other.upAt > round) {
      node.book.failed(id)
      node.backoff.set(id, round + BACKOFF)
      return false
    }
    node.book.good(id)
    if (other.inbound.size >= this.options.maxInbound) {
      // Whoever has no place answers one question and lets go.
      this.#askOnce(node, other, round)
      node.backoff.set(id, round + BACKOFF)
      return false
    }
    node.outbound.add(other.index)
    other.inbound.add(node.index)
    // Identify brings the signed record of whoever dials.
    other.learn(node.record(node.group))
    return true
  }

  /** Dials one new peer, or one whose place another wants, only to see whether it answers. */
  #feel(node: PeninNode, round: number): void {
    const { book } = node
    const id = book.pendingTests()[0]?.incumbent ?? book.feelerCandidate()?.id
    const other = id == null ? undefined : this.#byId.get(id)
    if (other == null) {
      return
    }
    book.attempt(other.id)
    if (other.upAt <= round) {
      book.good(other.id)
    } else {
      book.failed(other.id)
    }
  }

  #exchange(node: PeninNode, round: number): void {
    const isWanting = node.outbound.size < this.options.outbound
    if (!isWanting && round < node.asksAt) {
      return
    }
    const connected = [...node.outbound, ...node.inbound]
    const fresh = connected.filter((index) => round - (node.asked.get(index) ?? -SLOW) >= SLOW)
    const partner = fresh[randomInt(this.rng, fresh.length)]
    if (partner != null) {
      this.#askOnce(node, this.#at(partner), round)
    }
    // Spread out, as the jitter of real questions spreads them.
    node.asksAt = round + SLOW - randomInt(this.rng, 3)
  }

  #askOnce(node: PeninNode, other: PeninNode, round: number): void {
    if (round - (node.asked.get(other.index) ?? -SLOW) >= SLOW) {
      node.asked.set(other.index, round)
      node.ask(other)
    }
  }

  #stop(node: PeninNode, round: number): void {
    for (const index of node.outbound) {
      this.#at(index).inbound.delete(node.index)
    }
    for (const index of node.inbound) {
      this.#at(index).outbound.delete(node.index)
    }
    node.outbound.clear()
    node.inbound.clear()
    node.backoff.clear()
    node.asked.clear()
    node.upAt = round + OFF
  }

  #at(index: number): PeninNode {
    return this.#nodes[index] as PeninNode
  }
}
