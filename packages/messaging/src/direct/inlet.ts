import type { PeerId, Stream } from '@libp2p/interface'
import type { Timer } from '@penin/interface'
import { FrameMalformedError, FrameTooLongError, ProtocolBreachError, StreamReplacedError } from '../errors.js'
import { Meter, type Bandwidth } from './bandwidth.js'
import { decompress } from './compression.js'
import type { Handlers, Payload } from './handlers.js'
import { Incoming } from './incoming.js'
import { InletStream } from './inlet-stream.js'
import { IN_PROGRESS, Lane, REFUSED, TAKEN, UNKNOWN } from './lane.js'
import { MESSAGE_OVERHEAD } from './limits.js'
import { ReceivedPayload } from './received-payload.js'
import { reportBreach } from './reports.js'
import type { Statistics } from './statistics.js'
import type { Surroundings } from './surroundings.js'
import type { MessageType } from './types.js'
import { Worker } from './worker.js'
import { reasonCode, reasonOf } from './wire/answer-frame.js'
import { FLAG_DURABLE, FLAG_WANTS_ANSWER, type DataReader, type OpenFrame } from './wire/data-frame.js'

const UNKNOWN_TYPE = REFUSED + reasonCode('unknown-type')
const EXPIRED = REFUSED + reasonCode('expired')
const BAD_PAYLOAD = REFUSED + reasonCode('bad-payload')

/** Messages of types without a handler until their sender is reported; a program that was updated sends some. */
const UNKNOWN_UNTIL_REPORT = 1000

/** Milliseconds from the opening of a stream to its first frame. */
const OPEN_TIMEOUT = 10_000

/** What a peer may always have waiting here, however much others have. */
const RESERVED_BYTES = 65_536

/** What waits for handlers, of all senders. */
export class ReceiveTotal {
  bytes = 0
  readonly paused = new Set<Inlet>()
}

/** What an inlet needs of the service. */
export interface InletOwner {
  handlers: Handlers
  instance: Uint8Array
  total: ReceiveTotal
  answer(message: Incoming, answer: Payload | undefined): void
  /** An answer to a request of ours; false if nobody waits for it. */
  onResponse(peer: PeerId, epoch: Uint8Array, id: number, payload: Uint8Array): boolean
}

interface Side {
  lane: Lane
  held: Map<number, Incoming>
}

/** The receiving half of one peer: which ids it has sent, what waits for handlers, and its stream. */
export class Inlet {
  #volatile: Side | undefined
  #durable: Side | undefined
  #stream: InletStream | undefined
  readonly #workers = new Map<MessageType | string, Worker>()
  readonly #retired = new Set<Worker>()
  readonly #meter: Meter
  #heldBytes = 0
  #unknown = 0
  #chunkMessages = 0
  #isOverBudget = false
  #rateTimer: Timer | undefined
  #openTimer: Timer | undefined
  #toPersist: Array<[Incoming, number]> = []
  #isPersisting = false
  #isStopped = false

  constructor(
    readonly peer: PeerId,
    private readonly around: Surroundings,
    private readonly statistics: Statistics,
    private readonly owner: InletOwner,
    bandwidth: Bandwidth | undefined
  ) {
    this.#meter = new Meter(bandwidth, around.clock, around.inbound)
  }

  /** Whether it has neither a stream nor anything waiting. */
  get isIdle(): boolean {
    return this.#stream === undefined && this.#heldBytes === 0 && !this.#isPersisting
  }

  /** Takes a new stream of the peer, which replaces an older one: it opens another when it has lost the first. */
  accept(stream: Stream): void {
    this.#stream?.end(new StreamReplacedError())
    this.#clearTimers()
    const { limits, clock } = this.around
    const accepted = new InletStream(
      stream,
      limits.maxMessageBytes,
      limits.windowBytes,
      {
        onFrame: (frame) => {
          this.#onFrame(accepted, frame)
        },
        onRead: (bytes) => {
          this.#onRead(bytes)
        },
        onLost: () => {
          this.#onLost(accepted)
        },
        onBreach: (error) => {
          reportBreach(this.around.reporter, this.peer, error)
          this.#onLost(accepted)
        }
      },
      this.statistics
    )
    this.#stream = accepted
    this.#openTimer = clock.setTimeout(() => {
      accepted.end(new ProtocolBreachError('msg-silent', 'a stream without a first frame'))
      this.#onLost(accepted)
    }, OPEN_TIMEOUT)
  }

  stop(): void {
    this.#isStopped = true
    this.#stream?.end()
    this.#stream = undefined
    this.#clearTimers()
    for (const worker of [...this.#workers.values(), ...this.#retired]) {
      worker.stop()
    }
    this.#workers.clear()
    this.#retired.clear()
    this.owner.total.bytes -= this.#heldBytes
    this.owner.total.paused.delete(this)
    this.#heldBytes = 0
  }

  #onLost(stream: InletStream): void {
    if (this.#stream === stream) {
      this.#stream = undefined
      this.#clearTimers()
    }
  }

  #clearTimers(): void {
    this.#openTimer?.clear()
    this.#rateTimer?.clear()
    this.#rateTimer = undefined
  }

  // Frames

  #onFrame(stream: InletStream, frame: DataReader): void {
    if (frame.open !== undefined) {
      if (stream.isOpened || this.#openTimer === undefined) {
        throw new FrameMalformedError('a second opening')
      }
      this.#openTimer.clear()
      this.#openTimer = undefined
      this.#open(stream, frame.open)
    } else if (stream.isOpened) {
      this.#onData(stream, frame)
    } else {
      throw new FrameMalformedError('a message before the welcome')
    }
  }

  #open(stream: InletStream, open: OpenFrame): void {
    this.#volatile = sideFor(this.#volatile, hex(open.epoch), open.lowest)
    const { store } = this.around
    const { durableEpoch, durableLowest } = open
    if (durableEpoch === undefined) {
      this.#welcome(stream)
      return
    }
    const epoch = hex(durableEpoch)
    if (this.#durable?.lane.epoch === epoch || store === undefined) {
      this.#durable = sideFor(this.#durable, epoch, durableLowest)
      this.#welcome(stream)
      return
    }
    store.inLane(this.peer, epoch, durableLowest).then(
      (lane) => {
        lane.confirm(durableLowest)
        this.#durable = { lane, held: new Map() }
        this.#welcome(stream)
      },
      (error: unknown) => {
        // Without knowing what was taken nothing durable can be taken: the sender tries again later.
        stream.end(error as Error)
        this.#onLost(stream)
      }
    )
  }

  #welcome(stream: InletStream): void {
    if (this.#stream === stream && !stream.isOver) {
      const { windowBytes, windowMessages, maxMessageBytes } = this.around.limits
      stream.welcome({ instance: this.owner.instance, windowBytes, windowMessages, maxPayload: maxMessageBytes })
    }
  }

  #onData(stream: InletStream, frame: DataReader): void {
    const isDurable = (frame.flags & FLAG_DURABLE) !== 0
    const side = isDurable ? this.#durable : this.#volatile
    if (side === undefined) {
      throw new FrameMalformedError('an id of no known epoch')
    }
    const type = stream.typeOf(frame)
    const { id, size } = frame
    const weight = size >= 0 ? size : frame.payloadLength
    this.#enterWindow(stream, weight)
    this.#chunkMessages++
    const before = side.lane.admit(id)
    if (before !== UNKNOWN) {
      this.#onDuplicate(stream, side, frame, before, weight)
      return
    }
    const { clock } = this.around
    const message = new Incoming(
      this.peer,
      type,
      id,
      new ReceivedPayload(frame.payload, frame.rest),
      size,
      side.lane,
      isDurable,
      (frame.flags & FLAG_WANTS_ANSWER) !== 0,
      frame.lifetime < 0 ? Infinity : clock.monotonic() + frame.lifetime,
      stream
    )
    if (frame.lifetime >= 0) {
      message.expires = clock.now() + frame.lifetime
    }
    this.statistics.add('received')
    this.statistics.add('receivedBytes', weight)
    if (frame.replyTo >= 0 && frame.replyEpoch !== undefined) {
      this.#onResponse(message, frame.replyEpoch, frame.replyTo)
    } else {
      this.#dispatch(message)
    }
  }

  #enterWindow(stream: InletStream, weight: number): void {
    const { windowBytes, windowMessages, maxMessageBytes } = this.around.limits
    if (weight > maxMessageBytes) {
      throw new FrameTooLongError(weight, maxMessageBytes)
    }
    stream.messages++
    stream.bytes += weight
    if (stream.messages > windowMessages || (stream.messages > 1 && stream.bytes > windowBytes)) {
      throw new ProtocolBreachError('msg-window', 'more on its way than was allowed')
    }
  }

  #onDuplicate(stream: InletStream, side: Side, { id, flags }: DataReader, before: number, weight: number): void {
    this.statistics.add('duplicates')
    if (before !== IN_PROGRESS) {
      stream.ack(id, before, (flags & FLAG_DURABLE) !== 0, weight)
      return
    }
    const held = side.held.get(id)
    if (held === undefined || held.stream === stream) {
      stream.messages--
      stream.bytes -= weight
    } else {
      held.stream = stream // acknowledged on this one when it is done
    }
  }

  #onResponse(message: Incoming, epoch: Uint8Array, id: number): void {
    const payload = message.size < 0 ? message.bytes : decompress(message.payload.lend(), message.size)
    if (payload === undefined) {
      this.#settle(message, BAD_PAYLOAD)
      this.#onBomb(message)
      return
    }
    // What is handed to the program lives on: not as part of a larger buffer.
    const own = payload.buffer.byteLength > payload.length ? payload.slice() : payload
    this.#settle(message, this.owner.onResponse(this.peer, epoch, id, own) ? TAKEN : EXPIRED)
  }

  #dispatch(message: Incoming): void {
    const worker = this.#workerFor(message.type)
    if (worker !== undefined) {
      worker.push(message)
      return
    }
    this.#settle(message, UNKNOWN_TYPE)
    if (++this.#unknown % UNKNOWN_UNTIL_REPORT === 0) {
      this.around.reporter?.report(this.peer, { reason: 'msg-unknown-type', tolerance: 'high' })
    }
  }

  #workerFor(type: MessageType | string): Worker | undefined {
    const worker = this.#workers.get(type)
    const registration = this.owner.handlers.get(type)
    if (worker?.registration === registration) {
      return worker
    }
    if (worker !== undefined) {
      this.#workers.delete(type)
      for (const old of this.#retired) {
        if (old.isIdle) {
          this.#retired.delete(old)
        }
      }
      this.#retired.add(worker)
    }
    if (registration === undefined) {
      return undefined
    }
    const made = new Worker(registration, this.around, {
      settle: (message, state) => {
        this.#settle(message, state)
      },
      answer: (message, answer) => {
        this.owner.answer(message, answer)
      },
      onBomb: (message) => {
        this.#onBomb(message)
      },
      hold: (message) => {
        this.#hold(message)
      }
    })
    this.#workers.set(type, made)
    return made
  }

  #onBomb(message: Incoming): void {
    reportBreach(this.around.reporter, this.peer, new ProtocolBreachError('msg-bomb', `not ${message.size} bytes`))
  }

  // Settlement

  #sideOf(message: Incoming): Side | undefined {
    const side = message.isDurable ? this.#durable : this.#volatile
    return side?.lane === message.lane ? side : undefined
  }

  #hold(message: Incoming): void {
    if (message.held > 0) {
      return
    }
    message.payload.detach()
    message.held = Math.max(message.weight, message.payload.length) + MESSAGE_OVERHEAD
    this.#heldBytes += message.held
    this.owner.total.bytes += message.held
    this.#sideOf(message)?.held.set(message.number, message)
  }

  #settle(message: Incoming, state: number): void {
    if (message.isSettled || this.#isStopped) {
      return
    }
    message.isSettled = true
    message.lane.settle(message.number, state)
    if (message.held > 0) {
      this.#sideOf(message)?.held.delete(message.number)
      this.#release(message.held)
    }
    if (state === TAKEN) {
      this.statistics.add('taken')
    } else {
      this.statistics.addRefusal(reasonOf(state - REFUSED))
    }
    if (message.isDurable && this.around.store !== undefined) {
      this.#toPersist.push([message, state])
      void this.#persist()
    } else {
      this.#ack(message, state)
    }
  }

  /** If the stream is another one by now, the message comes again and is acknowledged then. */
  #ack(message: Incoming, state: number): void {
    if (message.stream === this.#stream && this.#sideOf(message) !== undefined) {
      this.#stream.ack(message.number, state, message.isDurable, message.weight)
    }
  }

  /** Writes down what was taken, as many as have come in the meantime at once, and acknowledges it then. */
  async #persist(): Promise<void> {
    if (this.#isPersisting) {
      return
    }
    this.#isPersisting = true
    while (this.#toPersist.length > 0 && !this.#isStopped) {
      const batch = this.#toPersist
      this.#toPersist = []
      const lane = this.#durable?.lane
      try {
        if (lane !== undefined) {
          await this.around.store?.putInLane(this.peer, lane)
        }
      } catch {
        // It was taken all the same; only a restart could bring it twice now.
        this.statistics.add('storeErrors')
      }
      for (const [message, state] of batch) {
        this.#ack(message, state)
      }
    }
    this.#isPersisting = false
  }

  // Back-pressure

  #release(bytes: number): void {
    const { total } = this.owner
    this.#heldBytes -= bytes
    total.bytes -= bytes
    if (this.#isOverBudget && this.#heldBytes <= RESERVED_BYTES) {
      this.resume()
    }
    if (total.paused.size > 0 && total.bytes < this.around.limits.receiveBytes * 0.9) {
      for (const inlet of [...total.paused]) {
        inlet.resume()
      }
    }
  }

  /** There is room again. */
  resume(): void {
    this.#isOverBudget = false
    this.owner.total.paused.delete(this)
    if (this.#rateTimer === undefined) {
      this.#stream?.resume()
    }
  }

  #onRead(bytes: number): void {
    const { limits, clock } = this.around
    if (this.owner.total.bytes > limits.receiveBytes && this.#heldBytes > RESERVED_BYTES) {
      this.#isOverBudget = true
      this.owner.total.paused.add(this)
      this.#stream?.pause()
    }
    if (this.#meter.isLimited) {
      this.#meter.take(bytes, this.#chunkMessages)
      const delay = this.#meter.delay()
      if (delay > 0) {
        this.#stream?.pause()
        this.#rateTimer ??= clock.setTimeout(() => {
          this.#rateTimer = undefined
          if (!this.#isOverBudget) {
            this.#stream?.resume()
          }
        }, delay)
      }
    }
    this.#chunkMessages = 0
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/** What is known of the ids of this epoch; another epoch is another life of the sender, and begins anew. */
function sideFor(side: Side | undefined, epoch: string, lowest: number): Side {
  if (side?.lane.epoch === epoch) {
    side.lane.confirm(lowest)
    return side
  }
  return { lane: new Lane(epoch, lowest), held: new Map() }
}
