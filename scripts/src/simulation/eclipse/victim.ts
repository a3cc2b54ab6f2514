import { randomInt, type Rng } from '@penin/interface'
import { AddressBook, type BookEntry } from '@penin/peer-store'
import { FakeClock } from '@penin/testing'
import { addressIn, groupName, GROUPS, idOf } from '../made-up-peers.js'
import { fillOutbound } from '../outbound.js'
import type { Attacker, Defences, World } from './scenario.js'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** How often feelers and tests of incumbents run. Bitcoin Core: FEELER_INTERVAL. */
const FEELER_INTERVAL = 2 * MINUTE

/** The hour of the day at which the attacker names its addresses and dials in. */
const NAMING_HOUR = 1

/** A peer as the simulation knows it. */
interface Peer {
  id: string
  address: string
  isHonest: boolean
  /** How likely it answers; the attacker's always do. */
  answers: number
}

/** What a victim's life depends on. */
export interface VictimInit {
  world: World
  attacker: Attacker
  defences: Defences
  rng: Rng
}

/** A node with a real address book, its honest acquaintances, and one attacker who knows what the node does. */
export class Victim {
  readonly book: AddressBook
  readonly #clock = new FakeClock()
  readonly #peers = new Map<string, Peer>()
  readonly #attackers: Array<{ peer: Peer; group: string }> = []
  /** Outbound connections, the oldest first. */
  #outbound: BookEntry[] = []
  #isAttacked = false

  constructor(private readonly init: VictimInit) {
    const { world, rng } = init
    this.book = new AddressBook({ selfId: idOf(0), secret: rng.bytes(16), clock: this.#clock, rng })
    for (let i = 0; i < world.honest; i++) {
      const group = randomInt(rng, GROUPS)
      this.#hear(this.#add(i + 1, group, true), groupName(randomInt(rng, GROUPS)))
    }
  }

  /** Lives through peace and attack, up to the moment before the restart. */
  live(): void {
    this.#fill()
    this.#run(this.init.world.peace)
    this.#beginAttack()
    this.#run(this.init.attacker.days)
    this.book.setAnchors(this.#outbound.slice(0, 2).map(({ id }) => id))
  }

  /** Whether everybody the node is connected to after a restart is the attacker. The book stays as it is. */
  isEclipsedAfterRestart(): boolean {
    const { anchors, onePerGroup } = this.init.defences
    const connected = anchors ? this.book.anchors().filter((peer) => this.#answers(peer)) : []
    const more = fillOutbound({
      book: this.book,
      count: this.init.world.outbound - connected.length,
      exclude: new Set(connected.map(({ id }) => id)),
      connected,
      rng: this.init.rng,
      onePerGroup,
      dial: (peer) => this.#answers(peer)
    })
    return [...connected, ...more].every((peer) => !this.#isHonest(peer))
  }

  /** Whether the first peer that the book chooses and that answers is the attacker. */
  isFirstAttacker(): boolean {
    const first = this.book.select({ count: 16 }).find((peer) => this.#answers(peer))
    return first != null && !this.#isHonest(first)
  }

  #run(days: number): void {
    for (let hour = 0; hour < days * 24; hour++) {
      if (this.#isAttacked && hour % 24 === NAMING_HOUR) {
        this.#nameAttackers()
      }
      if (hour % this.init.world.churn === 0) {
        this.#outbound.splice(randomInt(this.init.rng, this.#outbound.length), 1)
        this.#fill()
      }
      for (let ms = 0; ms < HOUR; ms += FEELER_INTERVAL) {
        this.#test()
        this.#feel()
        this.#clock.tick(FEELER_INTERVAL)
      }
      for (const { id } of this.#outbound) {
        this.book.seen(id)
      }
    }
  }

  #fill(): void {
    const added = fillOutbound({
      book: this.book,
      count: this.init.world.outbound - this.#outbound.length,
      exclude: new Set(this.#outbound.map(({ id }) => id)),
      connected: this.#outbound,
      rng: this.init.rng,
      onePerGroup: this.init.defences.onePerGroup,
      dial: (peer) => this.#dial(peer)
    })
    this.#outbound.push(...added)
  }

  #feel(): void {
    const peer = this.init.defences.feelers ? this.book.feelerCandidate() : undefined
    if (peer != null) {
      this.#dial(peer)
    }
  }

  #test(): void {
    if (this.init.defences.testBeforeEvict) {
      for (const { incumbent } of this.book.pendingTests()) {
        this.#dial({ id: incumbent })
      }
    }
  }

  #dial(peer: Pick<BookEntry, 'id'>): boolean {
    const isReached = this.#answers(peer)
    this.book.attempt(peer.id)
    if (isReached) {
      this.#good(peer.id)
    } else {
      this.book.failed(peer.id)
    }
    return isReached
  }

  #good(id: string): void {
    const result = this.book.good(id)
    if (result.status === 'collision' && !this.init.defences.testBeforeEvict) {
      this.book.remove(result.incumbent)
      this.book.good(id)
    }
  }

  #beginAttack(): void {
    this.#isAttacked = true
    for (const peer of this.#peers.values()) {
      peer.answers = this.init.rng.float() < this.init.world.gone ? 0 : this.init.world.answers
    }
    this.#outbound = this.#outbound.filter(({ id }) => (this.#peers.get(id)?.answers ?? 0) > 0)
    const { groups, perGroup } = this.init.attacker
    for (let i = 0; i < groups * perGroup; i++) {
      // As far from each other as there is room, so that no /16 is taken twice.
      const group = (Math.floor(GROUPS / groups) * (i % groups) + 7) % GROUPS
      this.#attackers.push({ peer: this.#add(1_000_000 + i, group, false), group: groupName(group) })
    }
    this.#fill()
  }

  /** Each of the attacker's addresses is named from its own group, and dials in. */
  #nameAttackers(): void {
    for (const { peer, group } of this.#attackers) {
      this.#hear(peer, group)
      if (this.init.defences.outboundOnly) {
        this.book.good(peer.id, { direction: 'inbound' })
      } else {
        this.#good(peer.id)
      }
    }
  }

  #add(n: number, group: number, isHonest: boolean): Peer {
    const id = idOf(n)
    const host = isHonest ? n : 20_000 + Math.floor((n - 1_000_000) / this.init.attacker.groups)
    const peer = { id, address: addressIn(group, host), isHonest, answers: 1 }
    this.#peers.set(id, peer)
    return peer
  }

  #hear({ id, address }: Peer, sourceGroup: string): void {
    this.book.add({ id, multiaddrs: [address], source: 'pex', sourceGroup })
  }

  #answers({ id }: Pick<BookEntry, 'id'>): boolean {
    const answers = this.#peers.get(id)?.answers ?? 0
    return answers >= 1 || this.init.rng.float() < answers
  }

  #isHonest({ id }: Pick<BookEntry, 'id'>): boolean {
    return this.#peers.get(id)?.isHonest === true
  }
}
