import type { RemoteInfo } from 'node:dgram'
import { networkInterfaces } from 'node:os'
import { peerDiscoverySymbol, serviceCapabilities, type Logger, type PeerDiscovery } from '@libp2p/interface'
import {
  ownAddresses,
  printable,
  systemClock,
  systemRng,
  withoutZone,
  type Clock,
  type LinkSockets,
  type NetworkInterfaces,
  type SocketProblem,
  type Timer
} from '@penin/interface'
import { TypedEventEmitter } from 'main-event'
import { Announcer } from './announcer.js'
import { Counters } from './counters.js'
import { UdpPortTakenError } from './errors.js'
import { Intake, type Verdict } from './intake.js'
import { chooseLinks, sourceScope, type Link } from './interfaces.js'
import type { LegacyPeer } from './legacy-table.js'
import {
  checkInit,
  DEFAULT_PORT,
  type UdpBroadcast,
  type UdpBroadcastComponents,
  type UdpBroadcastEvents,
  type UdpBroadcastInit,
  type UdpBroadcastStats
} from './options.js'
import { OwnBeacon } from './own-beacon.js'
import { beaconSockets } from './sockets.js'

const DEFAULT_INTERVAL = 10_000

/** At boot, or when it has just been plugged in, an interface is often a moment later than we are. */
const FIRST_RESCANS: readonly number[] = [1000, 2000]

class BeaconDiscovery extends TypedEventEmitter<UdpBroadcastEvents> implements UdpBroadcast {
  readonly [peerDiscoverySymbol]: PeerDiscovery = this
  readonly [Symbol.toStringTag] = '@penin/udp-broadcast'
  readonly [serviceCapabilities]: string[] = ['@libp2p/peer-discovery']

  readonly #log: Logger
  readonly #clock: Clock
  readonly #list: () => NetworkInterfaces
  readonly #counters = new Counters()
  readonly #sockets: LinkSockets<Link>
  readonly #intake: Intake
  readonly #announcer: Announcer
  readonly #onAddresses = (): void => {
    this.#announcer.addressesChanged()
  }

  /** Every address of this host. */
  #own: ReadonlySet<string> = new Set()
  #running = false
  #steps: Promise<unknown> = Promise.resolve()
  #rescanTimer?: Timer

  constructor(
    private readonly components: UdpBroadcastComponents,
    private readonly init: UdpBroadcastInit
  ) {
    super()
    checkInit(init)
    const { networkId = 'penin', port = DEFAULT_PORT, interval = DEFAULT_INTERVAL, clock = systemClock } = init
    this.#log = components.logger.forComponent('penin:udp-broadcast')
    this.#clock = clock
    this.#list = init.networkInterfaces ?? networkInterfaces
    this.#intake = new Intake({ ownId: components.peerId.toString(), networkId, port, clock })
    this.#sockets = beaconSockets(port, {
      onDatagram: (datagram, from) => {
        this.#onDatagram(datagram, from)
      },
      onProblem: (problem) => {
        this.#onProblem(problem)
      },
      onListening: (networkInterface) => {
        this.#counters.solved(networkInterface, 'bind')
      }
    })
    this.#announcer = new Announcer({
      beacon: new OwnBeacon(components, { networkId, port, clock }),
      sockets: this.#sockets,
      interval,
      clock,
      rng: init.rng ?? systemRng,
      log: this.#log,
      inTurn: async (step) => this.#inTurn(step),
      onSent: (bytes) => {
        this.#counters.stats.sent++
        this.#counters.stats.sentBytes += bytes
      }
    })
  }

  isStarted(): boolean {
    return this.#running
  }

  interfaces(): string[] {
    return [...new Set(this.#sockets.links.map((link) => link.name))]
  }

  legacyPeers(): LegacyPeer[] {
    return this.#intake.legacy.list()
  }

  stats(): UdpBroadcastStats {
    return { ...this.#counters.snapshot(), legacy: this.#intake.legacy.size, known: this.#intake.known.size }
  }

  async start(): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#running) {
        return
      }
      this.#running = true
      this.components.events?.addEventListener('self:peer:update', this.#onAddresses)
      await this.#rescan()
      this.#scheduleRescan(0)
      if (this.init.announce !== false) {
        await this.#announcer.start(this.components.events != null)
      }
    })
  }

  async stop(): Promise<void> {
    await this.#inTurn(async () => {
      if (!this.#running) {
        return
      }
      this.#running = false
      this.components.events?.removeEventListener('self:peer:update', this.#onAddresses)
      this.#rescanTimer?.clear()
      await this.#announcer.stop()
      await this.#sockets.close()
      this.#intake.clear()
    })
  }

  /** Start, stop, rescan and beacon never overlap: a stop during a start waits for it, and then stops. Never rejects. */
  async #inTurn(step: () => Promise<void>): Promise<void> {
    const turn = this.#steps.then(step).catch((error: unknown) => {
      this.#log.error('unexpected - %e', error)
    })
    this.#steps = turn
    await turn
  }

  async #rescan(): Promise<void> {
    if (!this.#running) {
      return
    }
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
    this.#announcer.own = this.#own
    const present = ['0.0.0.0', '::', ...links.map((link) => link.name)]
    this.#counters.retainProblems(new Set(present), new Set([...missing, '*']))
    for (const name of missing) {
      this.#onProblem({ networkInterface: name, operation: 'select', error: { code: 'ENODEV' } })
    }
    const added = await this.#sockets.update(links)
    for (const link of added) {
      this.#log('using %s (%s)', link.name, link.bind)
    }
    for (const peer of this.#intake.legacy.expire()) {
      this.#loseLegacy(peer)
    }
    await this.#announcer.linksChanged(added)
  }

  #scheduleRescan(round: number): void {
    const interval = this.init.rescanInterval ?? 5000
    this.#rescanTimer = this.#clock.setTimeout(
      () => {
        this.#scheduleRescan(round + 1)
        void this.#inTurn(() => this.#rescan())
      },
      Math.min(interval, FIRST_RESCANS[round] ?? interval)
    )
  }

  #onDatagram(datagram: Buffer, from: RemoteInfo): void {
    if (!this.#running) {
      return
    }
    this.#counters.stats.received++
    const verdict = this.#intake.take(datagram, {
      address: withoutZone(from.address),
      family: from.family === 'IPv6' ? 6 : 4,
      scope: sourceScope(this.#sockets.links, this.#own, from.address)
    })
    if (!(verdict instanceof Promise)) {
      this.#act(verdict, from)
      return
    }
    verdict.then(
      (verdict) => {
        this.#act(verdict, from)
      },
      (error: unknown) => {
        this.#log.error('unexpected - %e', error)
      }
    )
  }

  #act(verdict: Verdict, from: RemoteInfo): void {
    if (!this.#running) {
      return
    }
    const { stats } = this.#counters
    switch (verdict.kind) {
      case 'drop':
        this.#counters.drop(verdict.reason)
        stats.droppedAddresses += verdict.droppedAddresses ?? 0
        this.#log.trace('dropped a datagram from %s: %s', from.address, verdict.reason)
        return
      case 'goodbye':
        stats.goodbyes++
        this.dispatchEvent(new CustomEvent('peer:goodbye', { detail: verdict.id }))
        return
      case 'legacy':
        stats.legacyBeacons++
        if (verdict.lost != null) {
          this.#loseLegacy(verdict.lost)
        }
        if (verdict.discovered != null) {
          this.#discoverLegacy(verdict.discovered)
        }
        return
      case 'peer':
        stats.beacons++
        stats.droppedAddresses += verdict.droppedAddresses
        if (verdict.isNews) {
          stats.peers++
          const { id, multiaddrs } = verdict.candidate
          this.dispatchEvent(new CustomEvent('candidate', { detail: verdict.candidate }))
          this.dispatchEvent(new CustomEvent('peer', { detail: { id, multiaddrs } }))
        }
    }
  }

  #discoverLegacy(peer: LegacyPeer): void {
    this.#counters.stats.legacyDiscovered++
    this.#log('legacy peer %s at %s', printable(peer.id), peer.address)
    this.dispatchEvent(new CustomEvent('legacy:discovered', { detail: peer }))
    try {
      this.init.onLegacyPeer?.({ ...peer })
    } catch (error) {
      this.#log.error('onLegacyPeer has thrown - %e', error)
    }
  }

  #loseLegacy(peer: LegacyPeer): void {
    this.#counters.stats.legacyLost++
    this.dispatchEvent(new CustomEvent('legacy:lost', { detail: peer }))
  }

  #onProblem(problem: SocketProblem): void {
    const news = this.#counters.problem(problem)
    if (news == null) {
      return
    }
    this.#log.error('%s', news.message)
    if (news instanceof UdpPortTakenError) {
      this.dispatchEvent(new CustomEvent('udp:port-taken', { detail: news }))
    } else {
      this.dispatchEvent(new CustomEvent('udp:error', { detail: news }))
    }
  }
}

/**
 * Finds peers on the local network by UDP beacons, on every interface, without needing a route, and lets Python PENIN
 * nodes there find this one.
 *
 * A beacon that carries a peer's signed record leads to a `peer` event; one without, as Python nodes send it, to
 * `legacy:discovered`. It never dials, and never answers a beacon.
 *
 * @throws InvalidArgumentError if an option can't be used (when the node is made)
 */
export function udpBroadcast(init: UdpBroadcastInit = {}): (components: UdpBroadcastComponents) => UdpBroadcast {
  return (components) => new BeaconDiscovery(components, init)
}
