import type { PeerId, Stream } from '@libp2p/interface'
import { InvalidArgumentError, type Clock, type PeerReporter, type Rng } from '@penin/interface'
import type { Datastore } from 'interface-datastore'
import { DurableStoreError, MessageExpiredError, MessageTooLongError, OutboxFullError } from '../errors.js'
import { Meter, type BandwidthLimit } from './bandwidth.js'
import { compress } from './compression.js'
import { DurableStore, type StoredMessage } from './durable-store.js'
import { Handlers, payloadBytes, type Payload } from './handlers.js'
import type { Incoming } from './incoming.js'
import { Inlet, ReceiveTotal, type InletOwner } from './inlet.js'
import type { MessagingLimits } from './limits.js'
import { Outgoing, type Priority } from './outgoing.js'
import { OutboxTotal } from './outbox.js'
import { Outlet } from './outlet.js'
import { Sink, type MessageSink } from './sink.js'
import { Statistics, type MessageCounts, type MessageStats } from './statistics.js'
import type { Connect, RetryRule, Surroundings } from './surroundings.js'
import { checkType, MessageType } from './types.js'
import { EPOCH_BYTES, FLAG_DURABLE, FLAG_WANTS_ANSWER } from './wire/data-frame.js'

/** Milliseconds that a durable message waits for its receiver: a week, so that one may be away for a holiday. */
const DURABLE_TTL = 604_800_000

/** Of the outbox, how much the answers to requests may fill. */
const ANSWER_SHARE = 0.75

export interface SendOptions {
  /** Milliseconds until the message is of no use; the receiver is told. @default retry.within, or a week if durable */
  ttl?: number
  /** Which goes first when several wait. Durable messages are all `normal`. @default 'normal' */
  priority?: Priority
  /** Kept in the datastore until it was taken, refused or expired, across restarts. @default false */
  durable?: boolean
  /** Whether a payload above 1 KiB may be compressed. @default true */
  compress?: boolean
  signal?: AbortSignal
}

/** What the handler of a request returned. */
export class Answer {
  constructor(readonly bytes: Uint8Array) {}

  text(): string {
    return new TextDecoder().decode(this.bytes)
  }

  /** @throws SyntaxError */
  json(): unknown {
    return JSON.parse(this.text())
  }
}

export interface DirectInit {
  own: PeerId
  clock: Clock
  rng: Rng
  reporter: PeerReporter | undefined
  datastore: Datastore | undefined
  bandwidthLimit: BandwidthLimit | undefined
  retry: RetryRule
  handlerTimeout: number
  limits: MessagingLimits
  connect: Connect
  onUndelivered: (peer: PeerId, type: MessageType | string, error: Error) => void
}

type Succeed = (answer?: Uint8Array) => void
type Fail = (error: Error) => void

/** Everything that is not broadcast: an outlet and an inlet for each peer, and what they share. */
export class DirectMessages {
  readonly handlers = new Handlers()
  readonly #around: Surroundings
  readonly #outlets = new Map<string, Outlet>()
  readonly #inlets = new Map<string, Inlet>()
  #outboxTotal = new OutboxTotal()
  #inletOwner: InletOwner
  #lastType: MessageType | string = MessageType.DATA
  #isStopped = true

  constructor(private readonly init: DirectInit) {
    const { clock, rng, bandwidthLimit, datastore } = init
    this.#around = {
      clock,
      rng,
      limits: init.limits,
      retry: init.retry,
      connect: init.connect,
      reporter: init.reporter,
      store: datastore === undefined ? undefined : new DurableStore(datastore, rng),
      total: new Statistics(),
      outbound: new Meter(bandwidthLimit?.total, clock),
      inbound: new Meter(bandwidthLimit?.total, clock),
      handlerTimeout: init.handlerTimeout
    }
    this.#inletOwner = this.#newInletOwner()
  }

  /** @throws DurableStoreError if what is stored can't be read */
  async start(): Promise<void> {
    this.#isStopped = false
    this.#outboxTotal = new OutboxTotal()
    this.#inletOwner = this.#newInletOwner()
    const { store } = this.#around
    if (store === undefined) {
      return
    }
    try {
      await store.load()
      for (const message of await store.messages()) {
        if (this.#isStopped) {
          return
        }
        await this.#restore(store, message)
      }
    } catch (error) {
      throw new DurableStoreError((error as Error).message, { cause: error })
    }
  }

  stop(): void {
    this.#isStopped = true
    for (const part of [...this.#outlets.values(), ...this.#inlets.values()]) {
      part.stop()
    }
    this.#outlets.clear()
    this.#inlets.clear()
  }

  accept(stream: Stream, peer: PeerId): void {
    if (this.#isStopped) {
      stream.close().catch(() => {
        // Nobody is here any more.
      })
      return
    }
    try {
      this.#inlet(peer).accept(stream)
    } catch (error) {
      stream.abort(error as Error) // more peers than are remembered, and none of them idle
    }
  }

  onPresence(peer: PeerId): void {
    this.#outlets.get(peer.toString())?.link.onPresence()
  }

  /** Sends a message; exactly one of the functions is called, later. @throws what can be known at once */
  submit(
    peer: PeerId,
    type: MessageType | string,
    payload: Payload,
    options: SendOptions,
    succeed: Succeed,
    fail: Fail,
    wantsAnswer = false
  ): void {
    const entry = this.#entry(type, payload, options)
    entry.succeed = succeed
    entry.fail = fail
    if (wantsAnswer) {
      entry.wantsAnswer = true
      entry.flags |= FLAG_WANTS_ANSWER
    }
    const outlet = this.#outlet(peer)
    const compressed = options.compress === false ? undefined : compress(entry.payload)
    if (compressed instanceof Uint8Array) {
      usePacked(entry, compressed, outlet)
    }
    if (options.durable === true) {
      this.#submitDurable(outlet, entry, compressed instanceof Promise ? compressed : undefined)
    } else {
      entry.isReady = !(compressed instanceof Promise)
      outlet.enqueue(entry)
      if (compressed instanceof Promise) {
        void this.#packLater(outlet, entry, compressed)
      }
    }
    this.#attachSignal(outlet, entry, options.signal)
  }

  notify(peer: PeerId, type: MessageType | string, payload: Payload, options: SendOptions): void {
    this.submit(peer, type, payload, options, ignore, (error) => {
      this.init.onUndelivered(peer, type, error)
    })
  }

  async request(peer: PeerId, type: MessageType | string, payload: Payload, options: SendOptions): Promise<Answer> {
    if (options.durable === true) {
      throw new InvalidArgumentError('durable', 'true', 'nothing: a request does not outlive its asker')
    }
    return new Promise<Answer>((resolve, reject) => {
      const succeed: Succeed = (answer) => {
        resolve(new Answer(answer ?? new Uint8Array(0)))
      }
      this.submit(peer, type, payload, options, succeed, reject, true)
    })
  }

  openSink(peer: PeerId, type: MessageType | string, options: SendOptions): MessageSink {
    checkType(type)
    return new Sink({
      signal: options.signal,
      outbox: () => this.#outlet(peer).outbox,
      submit: (payload, succeed, fail) => {
        this.submit(peer, type, payload, options, succeed, fail)
      }
    })
  }

  countsOf(peer: PeerId): Readonly<MessageCounts> | undefined {
    return this.#outlets.get(peer.toString())?.statistics.counts
  }

  stats(): { total: MessageStats; peers: Record<string, MessageStats> } {
    const peers = Object.fromEntries([...this.#outlets].map(([name, outlet]) => [name, outlet.stats()]))
    const sum = (pick: (stats: MessageStats) => number): number =>
      Object.values(peers).reduce((total, stats) => total + pick(stats), 0)
    const total = this.#around.total.snapshot({
      queued: sum(({ queued }) => queued),
      inFlight: sum(({ inFlight }) => inFlight),
      outboxBytes: this.#outboxTotal.bytes
    })
    return { total, peers }
  }

  #newInletOwner(): InletOwner {
    return {
      handlers: this.handlers,
      instance: this.#around.rng.bytes(EPOCH_BYTES),
      total: new ReceiveTotal(),
      answer: (message, answer) => {
        this.#answer(message, answer)
      },
      onResponse: (peer, epoch, id, payload) => {
        const outlet = this.#outlets.get(peer.toString())
        return outlet !== undefined && Buffer.compare(outlet.epoch, epoch) === 0 && outlet.onResponse(id, payload)
      }
    }
  }

  #entry(type: MessageType | string, payload: Payload, options: SendOptions): Outgoing {
    if (type !== this.#lastType) {
      checkType(type)
      this.#lastType = type
    }
    options.signal?.throwIfAborted()
    const bytes = payloadBytes(payload)
    const { maxMessageBytes } = this.#around.limits
    if (bytes.length > maxMessageBytes) {
      throw new MessageTooLongError(bytes.length, maxMessageBytes)
    }
    const { ttl, durable = false } = options
    if (ttl !== undefined && !(ttl > 0)) {
      throw new InvalidArgumentError('ttl', String(ttl), 'milliseconds above 0')
    }
    const entry = new Outgoing(type, bytes)
    entry.hasTtl = ttl !== undefined
    entry.expiresAt = this.#around.clock.monotonic() + (ttl ?? (durable ? DURABLE_TTL : this.#around.retry.within))
    entry.priority = durable ? 'normal' : (options.priority ?? 'normal')
    return entry
  }

  #attachSignal(outlet: Outlet, entry: Outgoing, signal: AbortSignal | undefined): void {
    if (signal !== undefined) {
      const onAbort = (): void => {
        outlet.statistics.add('failed')
        outlet.giveUp(entry, signal.reason as Error)
      }
      signal.addEventListener('abort', onAbort, { once: true })
      entry.detach = () => {
        signal.removeEventListener('abort', onAbort)
      }
    }
  }

  /** A long payload, compressed off the main thread while it keeps its place in the line. */
  async #packLater(outlet: Outlet, entry: Outgoing, compressed: Promise<Uint8Array | undefined>): Promise<void> {
    const packed = await compressed.catch(() => undefined)
    if (packed !== undefined && entry.state === 'queued') {
      usePacked(entry, packed, outlet)
    }
    entry.isReady = true
    outlet.schedule()
  }

  // Durable messages

  #submitDurable(outlet: Outlet, entry: Outgoing, compressed: Promise<Uint8Array | undefined> | undefined): void {
    const { store, clock } = this.#around
    if (store === undefined) {
      throw new DurableStoreError('there is no datastore to keep them in')
    }
    entry.isDurable = true
    entry.isReady = false
    entry.flags |= FLAG_DURABLE
    const expires = clock.now() + entry.expiresAt - clock.monotonic()
    const lane = outlet.laneFrom(async () => store.outLane(outlet.peer))
    const stored = lane.then(async (lane) => {
      const taken = store.takeId(outlet.peer, lane)
      entry.id = taken.id
      const packed = await compressed?.catch(() => undefined)
      await taken.stored
      if (entry.state === 'queued') {
        if (packed !== undefined) {
          usePacked(entry, packed, outlet)
        }
        await store.putMessage(outlet.peer, entry, Math.ceil(expires))
      }
    })
    this.#forgetWhenSettled(store, outlet.peer, entry, stored)
    outlet.enqueue(entry)
    stored.then(
      () => {
        entry.isReady = true
        outlet.schedule()
      },
      (error: unknown) => {
        outlet.statistics.add('failed')
        outlet.giveUp(entry, new DurableStoreError((error as Error).message, { cause: error }))
      }
    )
  }

  /** The stored copy goes with the outcome, but not when the service is only stopped. */
  #forgetWhenSettled(store: DurableStore, peer: PeerId, entry: Outgoing, stored: Promise<void>): void {
    const { succeed, fail } = entry
    const forget = (): void => {
      stored
        .then(async () => store.deleteMessage(peer, entry.id))
        .catch(() => {
          this.#around.total.add('storeErrors')
        })
    }
    entry.succeed = (answer) => {
      forget()
      succeed(answer)
    }
    entry.fail = (error) => {
      if (error.name !== 'NotRunningError') {
        forget()
      }
      fail(error)
    }
  }

  async #restore(store: DurableStore, message: StoredMessage): Promise<void> {
    const { clock } = this.#around
    const { peer, type, payload, size } = message
    const entry = new Outgoing(type, payload)
    entry.fail = (error) => {
      if (error.name !== 'NotRunningError') {
        this.init.onUndelivered(peer, type, error)
      }
    }
    this.#forgetWhenSettled(store, peer, entry, Promise.resolve())
    entry.id = message.id
    entry.isDurable = true
    entry.flags = FLAG_DURABLE
    entry.size = size
    entry.rawSize = size >= 0 ? size : payload.length
    entry.expiresAt = clock.monotonic() + message.expires - clock.now()
    if (message.expires <= clock.now()) {
      this.#around.total.add('expired')
      entry.fail(new MessageExpiredError(peer.toString(), false))
      return
    }
    const outlet = this.#outlet(peer)
    await outlet.laneFrom(async () => store.outLane(peer))
    try {
      outlet.enqueue(entry)
    } catch (error) {
      // The bounds were larger when it was stored, or the service has been stopped: it stays for another time.
      this.init.onUndelivered(peer, type, error as Error)
    }
  }

  #answer(message: Incoming, answer: Payload | undefined): void {
    const entry = this.#entry(MessageType.RESPONSE, answer ?? '', {})
    entry.replyTo = message.number
    entry.replyEpoch = Buffer.from(message.lane.epoch, 'hex')
    const outlet = this.#outlet(message.from)
    if (!outlet.outbox.hasRoom(entry.cost, ANSWER_SHARE)) {
      // A quarter of the room is left: nobody fills it with answers that he asks for and doesn't take.
      throw new OutboxFullError(message.from.toString(), 'peer-bytes')
    }
    const compressed = compress(entry.payload)
    if (compressed instanceof Promise) {
      entry.isReady = false
      outlet.enqueue(entry)
      void this.#packLater(outlet, entry, compressed)
      return
    }
    if (compressed !== undefined) {
      usePacked(entry, compressed, outlet)
    }
    outlet.enqueue(entry)
  }

  // Peers

  #outlet(peer: PeerId): Outlet {
    const name = peer.toString()
    const known = this.#outlets.get(name)
    if (known !== undefined) {
      // In order of use, so that the first is the one that was used longest ago.
      this.#outlets.delete(name)
      this.#outlets.set(name, known)
      return known
    }
    if (peer.equals(this.init.own)) {
      throw new InvalidArgumentError('peer', name, 'another peer than this one')
    }
    if (this.#outlets.size >= this.#around.limits.peers && !this.#evict(this.#outlets)) {
      throw new OutboxFullError(name, 'peers')
    }
    const outlet = new Outlet(peer, this.#around, this.#outboxTotal, this.init.bandwidthLimit?.perPeer)
    this.#outlets.set(name, outlet)
    return outlet
  }

  #inlet(peer: PeerId): Inlet {
    const name = peer.toString()
    const known = this.#inlets.get(name)
    if (known !== undefined) {
      // The same here.
      this.#inlets.delete(name)
      this.#inlets.set(name, known)
      return known
    }
    if (this.#inlets.size >= this.#around.limits.peers) {
      this.#evict(this.#inlets)
    }
    const { statistics } = this.#outlet(peer)
    const inlet = new Inlet(peer, this.#around, statistics, this.#inletOwner, this.init.bandwidthLimit?.perPeer)
    this.#inlets.set(name, inlet)
    return inlet
  }

  #evict(parts: Map<string, Outlet> | Map<string, Inlet>): boolean {
    for (const [name, part] of parts) {
      if (part.isIdle) {
        part.stop()
        parts.delete(name)
        return true
      }
    }
    return false
  }
}

function usePacked(entry: Outgoing, packed: Uint8Array, { statistics }: Outlet): void {
  entry.size = entry.rawSize
  entry.payload = packed
  statistics.add('compressedFrom', entry.rawSize)
  statistics.add('compressedTo', packed.length)
}

function ignore(): void {
  // Nobody waits for it.
}
