import type { PeerId, Stream } from '@libp2p/interface'
import { NotRunningError } from '@penin/interface'
import {
  AnswerLostError,
  AnswerTimeoutError,
  MessageRefusedError,
  MessagesUnsupportedError,
  MessageTooLongError,
  ProtocolBreachError,
  StreamLostError
} from '../errors.js'
import { Meter, Throttle, type Bandwidth } from './bandwidth.js'
import type { OutLane } from './durable-store.js'
import { Expiry } from './expiry.js'
import { Flight, lowestDurable } from './flight.js'
import { Handshake } from './handshake.js'
import { Link } from './link.js'
import { Outbox, expiryError, type OutboxTotal } from './outbox.js'
import { OutgoingQueue, type Outgoing } from './outgoing.js'
import { isLong, OutletStream } from './outlet-stream.js'
import { reportBreach } from './reports.js'
import { Statistics, type MessageStats } from './statistics.js'
import type { Surroundings } from './surroundings.js'
import { reasonOf, type Answer } from './wire/answer-frame.js'
import { EPOCH_BYTES } from './wire/data-frame.js'

/** Bytes of one write: as much as Noise puts into one of its frames. */
const MAX_WRITE = 65_536

/** Bytes of one write of long messages: each write costs the receiver an answer and an update of Yamux's window. */
const MAX_LONG_WRITE = 16 * MAX_WRITE

/** The most that a frame is longer than its payload, names included. */
const HEADROOM = 128

/** Answers in a row that acknowledge nothing new; an honest receiver sends none. */
const MAX_IDLE_ANSWERS = 1000

/** The sending half towards one peer: its queue, what is on its way, and the stream. */
export class Outlet {
  readonly statistics: Statistics
  readonly outbox: Outbox
  readonly link: Link
  readonly epoch: Uint8Array
  /** Resolves once the ids of durable messages are known. */
  durableLane: Promise<OutLane> | undefined
  readonly #queue = new OutgoingQueue()
  readonly #flight = new Flight()
  readonly #durableFlight = new Flight()
  /** Requests that have been written, by id, until they are answered. */
  readonly #requests = new Map<number, Outgoing>()
  readonly #throttle: Throttle
  readonly #name: string
  #resend: Outgoing[] = []
  #stream: OutletStream | undefined
  #instance = ''
  #serial = 0
  #waiting = 0
  #idleAnswers = 0
  #isScheduled = false
  #isStopped = false
  #onWelcome: Handshake | undefined
  readonly #expiry: Expiry

  constructor(
    readonly peer: PeerId,
    private readonly around: Surroundings,
    total: OutboxTotal,
    bandwidth: Bandwidth | undefined
  ) {
    this.#name = peer.toString()
    this.statistics = new Statistics(around.total)
    this.outbox = new Outbox(this.#name, around.limits, total)
    this.epoch = around.rng.bytes(EPOCH_BYTES)
    const meter = new Meter(bandwidth, around.clock, around.outbound)
    this.#throttle = new Throttle(meter, around.clock, () => {
      this.schedule()
    })
    this.#expiry = new Expiry(around.clock, (at) => this.#sweep(at))
    this.link = new Link(peer, around, {
      wants: () => this.#wants(),
      attach: async (stream, signal) => this.#attach(stream, signal),
      onFailure: (error) => {
        this.#onFailure(error)
      }
    })
  }

  /** Whether nothing would be lost if it were forgotten. */
  get isIdle(): boolean {
    return this.#stream === undefined && this.outbox.messages === 0
  }

  /** Puts a message in line. @throws OutboxFullError, NotRunningError */
  enqueue(entry: Outgoing): void {
    if (this.#isStopped) {
      throw new NotRunningError('messaging')
    }
    this.outbox.enter(entry)
    this.#waiting++
    this.#queue.push(entry)
    this.#expiry.expect(entry.expiresAt)
    this.schedule()
  }

  /** The lane of durable messages, from which the caller takes ids in order. */
  async laneFrom(load: () => Promise<OutLane>): Promise<OutLane> {
    this.durableLane ??= load().then(
      (lane) => {
        // The open frame did not name the epoch of durable messages: open another stream that does.
        this.#restart()
        return lane
      },
      (error: unknown) => {
        this.durableLane = undefined
        throw error
      }
    )
    return this.durableLane
  }

  /** Looks for something to write once everything that can be sent at this moment has been asked for. */
  schedule(): void {
    if (!this.#isScheduled && !this.#isStopped) {
      this.#isScheduled = true
      // The tick queue comes after all microtasks: whoever sends in answer to acknowledgements is heard first. One whose
      // messages go one at a time has nobody to wait for.
      const isAlone = this.#flight.size === 0
      queueMicrotask(isAlone ? this.#flush : () => void process.nextTick(this.#flush))
    }
  }

  /** Nobody waits for this message any more. */
  giveUp(entry: Outgoing, error: Error): void {
    if (entry.state === 'done' || entry.state === 'given-up') {
      return
    }
    this.#requests.delete(entry.id)
    this.#close(entry)
    entry.fail(error)
  }

  /** The answer to a request has come; false if nobody waits for it. */
  onResponse(id: number, payload: Uint8Array): boolean {
    const entry = this.#requests.get(id)
    if (entry === undefined) {
      return false
    }
    this.#requests.delete(id)
    this.#close(entry)
    entry.succeed(payload)
    return true
  }

  stats(): MessageStats {
    const inFlight = this.#flight.size + this.#durableFlight.size
    return this.statistics.snapshot({ queued: this.#waiting, inFlight, outboxBytes: this.outbox.bytes })
  }

  stop(): void {
    this.#isStopped = true
    this.link.stop()
    this.#stream?.end()
    this.#stream = undefined
    this.#onWelcome?.reject(new NotRunningError('messaging'))
    this.#expiry.stop()
    this.#throttle.stop()
    for (const entry of [...this.#queue, ...this.#flight, ...this.#durableFlight, ...this.#requests.values()]) {
      this.giveUp(entry, new NotRunningError('messaging'))
    }
  }

  /** Its outcome is known. One that is on the stream now will yet be acknowledged; any other is forgotten. */
  #close(entry: Outgoing): void {
    if (entry.state === 'queued') {
      this.#waiting--
    }
    if (entry.state === 'flying' && entry.onStream === this.#stream?.serial) {
      entry.state = 'given-up'
    } else {
      if (entry.state === 'flying') {
        this.#flightOf(entry).remove(entry.id)
      }
      entry.state = 'done'
    }
    this.#forget(entry)
  }

  #forget(entry: Outgoing): void {
    entry.release()
    this.outbox.leave(entry)
  }

  // Writing

  readonly #flush = (): void => {
    this.#isScheduled = false
    if (this.#stream === undefined) {
      if (!this.#isStopped && this.#wants() !== 'nothing') {
        this.link.wake()
      }
      return
    }
    while (this.#stream?.isWritable === true && this.#writeBatch(this.#stream));
  }

  /** Writes as much as one write holds; false if there is nothing (more) to write now. */
  #writeBatch(stream: OutletStream): boolean {
    const batch: Outgoing[] = []
    const at = this.around.clock.monotonic()
    let bytes = 0
    for (let entry = this.#next(); entry !== undefined; entry = this.#next()) {
      const { length } = entry.payload
      if (batch.length > 0 && bytes + length + HEADROOM > (isLong(length) ? MAX_LONG_WRITE : MAX_WRITE)) {
        break
      }
      if (this.#isUnfit(entry, stream, at)) {
        continue
      }
      if (!stream.hasRoomFor(entry.rawSize) || !this.#flightOf(entry).hasRoom || this.#throttle.isClosed()) {
        break
      }
      bytes += this.#launch(entry, stream, at)
      batch.push(entry)
    }
    if (batch.length === 0) {
      return false
    }
    stream.write(batch, bytes)
    return true
  }

  #next(): Outgoing | undefined {
    for (;;) {
      const entry = this.#resend[0]
      if (entry === undefined) {
        return this.#queue.peek()
      }
      if (entry.state === 'flying') {
        return entry
      }
      this.#resend.shift()
    }
  }

  #isUnfit(entry: Outgoing, stream: OutletStream, at: number): boolean {
    if (entry.expiresAt <= at) {
      this.#expire(entry)
      return true
    }
    const max = stream.welcome?.maxPayload ?? 0
    if (entry.rawSize > max) {
      this.statistics.add('failed')
      this.giveUp(entry, new MessageTooLongError(entry.rawSize, max))
      return true
    }
    return false
  }

  /** Bytes of its frame on this stream. */
  #launch(entry: Outgoing, stream: OutletStream, at: number): number {
    if (entry.state === 'flying') {
      this.#resend.shift()
      this.statistics.add('retried')
    } else {
      this.#queue.shift(entry)
      this.#waiting--
      entry.state = 'flying'
      entry.wasSent = true
      this.#flightOf(entry).add(entry)
      this.statistics.add('sent')
      this.statistics.add('sentBytes', entry.rawSize)
      if (entry.wantsAnswer) {
        this.#requests.set(entry.id, entry)
      }
    }
    entry.onStream = stream.serial
    entry.writtenAt = at
    entry.lifetime = entry.hasTtl ? Math.ceil(entry.expiresAt - at) : -1
    this.#throttle.take(entry.payload.length)
    return stream.prepare(entry)
  }

  #flightOf(entry: Outgoing): Flight {
    return entry.isDurable ? this.#durableFlight : this.#flight
  }

  // The stream

  #wants(): 'nothing' | 'soon' | 'some-day' {
    if (this.#isStopped || this.outbox.messages === 0) {
      return 'nothing'
    }
    for (const entries of [this.#queue, this.#flight, this.#durableFlight]) {
      for (const entry of entries) {
        if (!entry.isDurable) {
          return 'soon'
        }
      }
    }
    return 'some-day'
  }

  async #attach(stream: Stream, signal: AbortSignal): Promise<void> {
    const lane = await this.durableLane?.catch(() => undefined)
    signal.throwIfAborted()
    const attached = new OutletStream(
      stream,
      ++this.#serial,
      {
        onAnswer: (answer) => {
          this.#onAnswer(attached, answer)
        },
        onWritable: this.#flush,
        onLost: (error) => {
          this.#onLost(attached, error)
        },
        onBreach: (error) => {
          reportBreach(this.around.reporter, this.peer, error)
          this.#onLost(attached, error)
        }
      },
      this.statistics
    )
    this.#stream = attached
    this.#resend = []
    const welcome = new Handshake(signal)
    this.#onWelcome = welcome
    try {
      attached.open({
        epoch: this.epoch,
        lowest: this.#flight.lowest,
        durableEpoch: lane?.epoch,
        durableLowest: lane === undefined ? 0 : lowestDurable(this.#durableFlight, this.#queue, lane.next)
      })
      await welcome.promise
      this.statistics.add('streams')
    } catch (error) {
      attached.end(error as Error)
      this.#detach(attached)
      throw error
    } finally {
      this.#onWelcome = undefined
      welcome.end()
    }
  }

  #restart(): void {
    const stream = this.#stream
    if (stream !== undefined) {
      stream.end()
      this.#onLost(stream, undefined)
    }
  }

  #onLost(stream: OutletStream, error: Error | undefined): void {
    if (this.#stream !== stream) {
      return
    }
    this.#detach(stream)
    const lost = error ?? new StreamLostError(this.#name)
    if (this.#onWelcome !== undefined) {
      this.#onWelcome.reject(lost)
    } else {
      this.link.onLost(lost, stream.hasProgress || stream.messages === 0)
    }
  }

  #detach(stream: OutletStream): void {
    if (this.#stream === stream) {
      this.#stream = undefined
      this.#resend = [...this.#flight.afterLoss(), ...this.#durableFlight.afterLoss()]
    }
  }

  #onFailure(error: Error): void {
    if (error.name !== 'UnsupportedProtocolError') {
      return
    }
    const unsupported = new MessagesUnsupportedError(this.#name, { cause: error })
    for (const entry of [...this.#queue, ...this.#flight]) {
      if (!entry.isDurable) {
        this.statistics.add('failed')
        this.giveUp(entry, unsupported)
      }
    }
  }

  // Acknowledgements

  #onAnswer(stream: OutletStream, answer: Answer): void {
    if (answer.welcome != null) {
      this.#welcome(stream, Buffer.from(answer.welcome.instance).toString('hex'))
    }
    let settled = 0
    for (const [flight, taken, refused] of [
      [this.#flight, answer.taken, answer.refused],
      [this.#durableFlight, answer.durableTaken, answer.durableRefused]
    ] as const) {
      for (const [first, count] of taken) {
        settled += this.#settle(stream, flight, first, count, 0)
      }
      for (const [id, code] of refused) {
        settled += this.#settle(stream, flight, id, 1, code)
      }
    }
    if (settled > 0) {
      stream.hasProgress = true
    }
    this.#idleAnswers = settled > 0 || answer.welcome != null ? 0 : this.#idleAnswers + 1
    if (this.#idleAnswers > MAX_IDLE_ANSWERS) {
      this.#idleAnswers = 0
      throw new ProtocolBreachError('msg-ack-flood', 'acknowledgements of nothing')
    }
  }

  #welcome(stream: OutletStream, instance: string): void {
    if (this.#instance !== '' && this.#instance !== instance) {
      for (const entry of [...this.#requests.values()]) {
        if (entry.state === 'awaiting-answer') {
          this.statistics.add('failed')
          this.giveUp(entry, new AnswerLostError(this.#name))
        }
      }
    }
    this.#instance = instance
    this.#resend = [...this.#flight, ...this.#durableFlight].filter(({ onStream }) => onStream !== stream.serial)
    this.#onWelcome?.resolve()
  }

  #settle(stream: OutletStream, flight: Flight, first: number, count: number, code: number): number {
    if (first + count > flight.next) {
      throw new ProtocolBreachError('msg-bad-ack', 'an acknowledgement of what was never sent')
    }
    let settled = 0
    for (let id = Math.max(first, flight.lowest); id < first + count; id++) {
      const entry = flight.remove(id)
      if (entry !== undefined) {
        settled++
        this.#settleOne(stream, entry, code)
        if (id === first) {
          this.statistics.addRtt(this.around.clock.monotonic() - entry.writtenAt)
        }
      }
    }
    return settled
  }

  #settleOne(stream: OutletStream, entry: Outgoing, code: number): void {
    if (entry.onStream === stream.serial) {
      stream.messages--
      stream.bytes -= entry.rawSize
    }
    if (entry.state !== 'flying') {
      entry.state = 'done'
    } else if (code === 0) {
      this.statistics.add('delivered')
      if (entry.wantsAnswer) {
        entry.state = 'awaiting-answer'
      } else {
        entry.state = 'done'
        this.#forget(entry)
        entry.succeed()
      }
    } else {
      this.statistics.add('refused')
      entry.state = 'awaiting-answer' // it is not on its way any more
      this.giveUp(entry, new MessageRefusedError(this.#name, reasonOf(code)))
    }
  }

  // Expiry

  /** Lets go of what has expired; says when the next will. */
  #sweep(at: number): number {
    let next = Infinity
    const all = [...this.#queue, ...this.#flight, ...this.#durableFlight, ...this.#requests.values()]
    for (const entry of all) {
      if (entry.expiresAt <= at) {
        this.#expire(entry)
      } else if (entry.state !== 'given-up' && entry.state !== 'done') {
        next = Math.min(next, entry.expiresAt)
      }
    }
    return next
  }

  #expire(entry: Outgoing): void {
    if (entry.state === 'given-up' || entry.state === 'done') {
      return
    }
    this.statistics.add('expired')
    const error =
      entry.state === 'awaiting-answer' ? new AnswerTimeoutError(this.#name) : expiryError(this.#name, entry, this.link)
    this.giveUp(entry, error)
  }
}
