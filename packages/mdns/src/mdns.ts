import { networkInterfaces } from 'node:os'
import { peerDiscoverySymbol, serviceCapabilities } from '@libp2p/interface'
import { ownAddresses, printable, RateLimiter, systemClock, systemRng, withoutZone } from '@penin/interface'
import { TypedEventEmitter } from 'main-event'
import { announceable, scopeOf } from './addresses.js'
import { AnswerSchedule } from './answers.js'
import { Counters } from './counters.js'
import { readSighting } from './discovered.js'
import { chooseLinks, linksOfSource } from './interfaces.js'
import { PacketLimiter } from './limiter.js'
import { buildAnswer, buildGoodbye, buildQuery, makeNames, MAX_RECEIVED, parseMessage } from './messages.js'
import { checkInit, SERVICE_TAG } from './options.js'
import { Sightings } from './sightings.js'
import { GROUPS, multicastSockets } from './sockets.js'
import type { RemoteInfo } from 'node:dgram'
import type { Logger, PeerDiscovery } from '@libp2p/interface'
import type {
  Clock,
  LinkSockets,
  LocalLink,
  NetworkInterfaces,
  RateLimit,
  Rng,
  SocketProblem,
  Timer
} from '@penin/interface'
import type { Announced, Origin } from './addresses.js'
import type { Names, Query, RawSighting, Wanted } from './messages.js'
import type { Mdns, MdnsComponents, MdnsEvents, MdnsInit, MdnsStats } from './options.js'

/** RFC 6762, section 5.2: the second query a second after the first, the third two seconds after that. */
const FIRST_QUERIES: readonly number[] = [1000, 2000]

/** Share by which a query comes earlier or later than the interval says, so that peers don't fall into step. */
const JITTER = 0.1

/** Milliseconds between two alarms about the same thing. */
const CONFLICT_INTERVAL = 60_000

/** Answers to plain resolvers; a person with `dig` needs one or two, and it is all a forged sender can get reflected. */
const UNICAST_RATE: RateLimit = { perSecond: 2, burst: 5 }

class MulticastDiscovery extends TypedEventEmitter<MdnsEvents> implements Mdns {
  readonly [peerDiscoverySymbol]: PeerDiscovery = this
  readonly [Symbol.toStringTag] = '@penin/mdns'
  readonly [serviceCapabilities]: string[] = ['@libp2p/peer-discovery']

  readonly #log: Logger
  readonly #clock: Clock
  readonly #rng: Rng
  readonly #port: number
  readonly #names: Names
  readonly #list: () => NetworkInterfaces
  readonly #counters = new Counters()
  readonly #sockets: LinkSockets
  readonly #limiter: PacketLimiter
  readonly #unicast: RateLimiter
  readonly #sightings: Sightings
  readonly #answers: AnswerSchedule
  readonly #onAddresses = (): void => {
    this.#announceChanges()
  }

  /** Per link, the addresses it was last told of. */
  readonly #announced = new Map<string, string>()
  #own: ReadonlySet<string> = new Set()
  #running = false
  #steps: Promise<unknown> = Promise.resolve()
  #queryTimer?: Timer
  #rescanTimer?: Timer
  #lastConflict?: number

  constructor(
    private readonly components: MdnsComponents,
    private readonly init: MdnsInit
  ) {
    super()
    checkInit(init)
    this.#log = components.logger.forComponent('penin:mdns')
    this.#clock = init.clock ?? systemClock
    this.#rng = init.rng ?? systemRng
    this.#port = init.port ?? 5353
    this.#list = init.networkInterfaces ?? networkInterfaces
    this.#names = makeNames(init.serviceTag ?? SERVICE_TAG, this.#rng)
    this.#limiter = new PacketLimiter(this.#clock)
    this.#unicast = new RateLimiter(UNICAST_RATE, this.#clock)
    this.#sightings = new Sightings(this.#clock)
    this.#answers = new AnswerSchedule(this.#clock, this.#rng, (key, wanted) => {
      this.#multicastAnswer(key, wanted)
    })
    this.#sockets = multicastSockets(this.#port, {
      onPacket: (packet, from) => {
        this.#onPacket(packet, from)
      },
      onProblem: (problem) => {
        this.#onProblem(problem)
      }
    })
  }

  isStarted(): boolean {
    return this.#running
  }

  interfaces(): string[] {
    return [...new Set(this.#sockets.links.map((link) => link.name))]
  }

  stats(): MdnsStats {
    return this.#counters.snapshot()
  }

  async start(): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#running) return
      this.#running = true
      this.components.events?.addEventListener('self:peer:update', this.#onAddresses)
      await this.#rescan()
      this.#scheduleQuery(0)
      this.#rescanTimer = this.#clock.setInterval(() => {
        void this.#inTurn(() => this.#rescan())
      }, this.init.rescanInterval ?? 5000)
    })
  }

  async stop(): Promise<void> {
    await this.#inTurn(async () => {
      if (!this.#running) return
      this.#running = false
      this.components.events?.removeEventListener('self:peer:update', this.#onAddresses)
      this.#queryTimer?.clear()
      this.#rescanTimer?.clear()
      this.#answers.clear()
      const told = this.#sockets.links.filter((link) => this.#announced.has(link.key))
      await Promise.all(told.map((link) => this.#send(link, buildGoodbye(this.#names))))
      await this.#sockets.close()
      this.#announced.clear()
      this.#sightings.clear()
    })
  }

  /** Start, stop and rescan never overlap: a stop during a start waits for it, and then stops. */
  async #inTurn(step: () => Promise<void>): Promise<void> {
    const turn = this.#steps.then(step)
    this.#steps = turn.catch(() => undefined)
    return turn
  }

  async #rescan(): Promise<void> {
    if (!this.#running) return
    let all: NetworkInterfaces
    try {
      all = this.#list()
    } catch (error) {
      this.#onProblem({ networkInterface: '*', operation: 'select', error })
      return
    }
    const { interfaces, ipv4 = true, ipv6 = true } = this.init
    const { links, missing } = chooseLinks(all, { wanted: interfaces, ipv4, ipv6 }, process.platform)
    this.#own = ownAddresses(all)
    const present = ['0.0.0.0', '::', ...links.map((link) => link.name)]
    this.#counters.retainProblems(new Set(present), new Set(missing))
    for (const name of missing)
      this.#onProblem({ networkInterface: name, operation: 'select', error: { code: 'ENODEV' } })
    const added = await this.#sockets.update(links)
    const keys = new Set(this.#sockets.links.map((link) => link.key))
    this.#answers.retain(keys)
    for (const key of this.#announced.keys()) if (!keys.has(key)) this.#announced.delete(key)
    for (const link of added) {
      this.#log('using %s (%s)', link.name, link.bind)
      void this.#send(link, buildQuery(this.#names.serviceTag))
    }
    this.#announceChanges()
  }

  #scheduleQuery(round: number): void {
    const interval = (this.init.interval ?? 10_000) * (1 + JITTER * (2 * this.#rng.float() - 1))
    this.#queryTimer = this.#clock.setTimeout(() => {
      for (const link of this.#sockets.links) void this.#send(link, buildQuery(this.#names.serviceTag))
      // a second announcement a second after the first (RFC 6762, section 8.3), in case that got lost
      if (round === 0) for (const key of this.#announced.keys()) this.#offerTo(key)
      // at boot, or when it has just been plugged in, an interface is often a moment later than we are
      if (round < FIRST_QUERIES.length) void this.#inTurn(() => this.#rescan())
      this.#scheduleQuery(round + 1)
    }, FIRST_QUERIES[round] ?? interval)
  }

  #announceChanges(): void {
    if (!this.#running || this.init.announce === false) return
    for (const link of this.#sockets.links) {
      const now = JSON.stringify(this.#addressesFor(link).map(({ text }) => text))
      const before = this.#announced.get(link.key)
      if (now === '[]' || now === before) continue
      this.#announced.set(link.key, now)
      this.#answers.request(link, ['peer'])
    }
  }

  #offerTo(key: string): void {
    const link = this.#sockets.links.find((candidate) => candidate.key === key)
    if (link !== undefined) this.#answers.request(link, ['peer'])
  }

  #addressesFor(link: LocalLink): Announced[] {
    try {
      const addresses = this.components.addressManager.getAddresses()
      return announceable(addresses, link, this.components.peerId.toString(), this.#own)
    } catch (error) {
      // whoever asks is a timer or a packet: there is nobody to throw this to
      this.#log.error('no addresses to announce - %e', error)
      return []
    }
  }

  #multicastAnswer(key: string, wanted: ReadonlySet<Wanted>): void {
    const link = this.#sockets.links.find((candidate) => candidate.key === key)
    if (link === undefined) return
    const packet = buildAnswer({ names: this.#names, wanted, addresses: this.#addressesFor(link), link })
    if (packet === undefined) return
    this.#counters.stats.answers++
    void this.#send(link, packet)
  }

  async #send(link: LocalLink, packet: Buffer): Promise<void> {
    if (await this.#sockets.send(link, packet, GROUPS[link.family])) this.#counters.stats.sent++
  }

  #onPacket(packet: Buffer, from: RemoteInfo): void {
    if (!this.#running) return
    this.#counters.stats.received++
    if (packet.length > MAX_RECEIVED) {
      this.#counters.drop('too-big')
      return
    }
    const links = linksOfSource(this.#sockets.links, from.address)
    if (links.length === 0) {
      this.#counters.drop('off-link')
      return
    }
    const address = withoutZone(from.address)
    const ownHost = this.#own.has(address) || scopeOf(address) === 'loopback'
    if (!this.#limiter.allow(address, ownHost)) {
      this.#counters.drop('rate-limited')
      return
    }
    const message = parseMessage(packet, this.#names)
    if (message.kind === 'malformed') this.#counters.drop('malformed')
    else if (message.kind === 'query') this.#onQuery(message, links, from)
    else
      for (const sighting of message.sightings) this.#onSighting(sighting, { ownHost, own: this.#own, links }, address)
  }

  #onQuery(query: Query, links: readonly LocalLink[], from: RemoteInfo): void {
    if (query.wanted.size === 0) return
    this.#counters.stats.queries++
    if (this.init.announce === false) return
    // multicast even if a plain resolver asks: rust-libp2p asks from another port and only listens for multicast
    for (const link of links) this.#answers.request(link, query.wanted)
    const [link] = links
    if (from.port === this.#port || link === undefined || !this.#unicast.take('')) return
    const addresses = this.#addressesFor(link)
    const packet = buildAnswer({ names: this.#names, wanted: query.wanted, addresses, link, legacy: query })
    if (packet !== undefined) void this.#reply(link, packet, from)
  }

  async #reply(link: LocalLink, packet: Buffer, to: RemoteInfo): Promise<void> {
    if (!(await this.#sockets.send(link, packet, to.address, to.port))) return
    this.#counters.stats.sent++
    this.#counters.stats.unicastAnswers++
  }

  #onSighting(sighting: RawSighting, origin: Origin, address: string): void {
    if (sighting.name === this.#names.instance) return
    if (sighting.ttl === 0) {
      this.#counters.stats.goodbyes++
      return
    }
    const { peer, drop, addressDrops } = readSighting(sighting, origin)
    this.#counters.dropAddresses(addressDrops)
    if (peer === undefined) {
      if (drop !== undefined) this.#counters.drop(drop)
      this.#log.trace('dropped %s from %s: %s', printable(sighting.name), address, drop)
      return
    }
    if (peer.id.equals(this.components.peerId)) {
      this.#onConflict(address)
      return
    }
    const addresses = peer.multiaddrs.map((multiaddr) => multiaddr.toString())
    if (!this.#sightings.isNews(peer.id.toString(), addresses)) return
    this.#counters.stats.peers++
    this.dispatchEvent(new CustomEvent('peer', { detail: peer }))
  }

  #onConflict(address: string): void {
    const now = this.#clock.monotonic()
    if (this.#lastConflict !== undefined && now - this.#lastConflict < CONFLICT_INTERVAL) return
    this.#lastConflict = now
    this.#counters.stats.conflicts++
    this.#log.error('another process at %s announces our own peer id', address)
    this.dispatchEvent(new CustomEvent('identity:conflict', { detail: { address } }))
  }

  #onProblem(problem: SocketProblem): void {
    const news = this.#counters.problem(problem)
    if (news === undefined) return
    this.#log.error('%s', news.message)
    this.dispatchEvent(new CustomEvent('mdns:error', { detail: news }))
  }
}

/**
 * Finds libp2p peers on the local network by multicast DNS, on every interface, without needing a route.
 *
 * Speaks the protocol of the libp2p specification, and so finds and is found by js-libp2p's own `@libp2p/mdns`,
 * go-libp2p and rust-libp2p. It never dials: it emits `peer` events.
 *
 * @throws InvalidArgumentError if an option can't be used (when the node is made)
 */
export function mdns(init: MdnsInit = {}): (components: MdnsComponents) => Mdns {
  return (components) => new MulticastDiscovery(components, init)
}
