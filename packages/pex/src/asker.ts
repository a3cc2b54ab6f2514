import type {
  AbortOptions,
  Connection,
  IdentifyResult,
  Libp2pEvents,
  PeerId,
  PeerStore,
  Stream,
  TypedEventTarget
} from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import { deadline, NotRunningError, shuffled, singleFrames, type Timer } from '@penin/interface'
import type { AskSchedule } from './ask-schedule.js'
import { decodeAnswer, encodeRequest, MAX_RECORDS } from './codec.js'
import {
  PexAskedLatelyError,
  PexFailedError,
  PexInvalidError,
  PexMalformedError,
  PexNotConnectedError,
  PexStrangerError
} from './errors.js'
import { type AskLimits } from './limits.js'
import { PEX_FRAMES, PEX_PROTOCOL } from './protocol.js'
import { reportOffence, tellerOf, unlessAborted, type Surroundings } from './surroundings.js'

/** Records wanted for each peer wanted: under a third of the dials to peers that one has only heard of succeed. */
const RECORDS_PER_PEER = 3

/** Records wanted at least: a question costs the same however few are wanted. */
const MIN_WANTED = 16

/** Milliseconds from a change of our addresses until peers are told: changes come in groups, one for each interface. */
const PUSH_DELAY = 2_000

/** Milliseconds between two peers that are told: a bridge must not stop for 128 exchanges at once. */
const PUSH_GAP = 500

export interface AskOptions extends AbortOptions {
  /** Records wanted, 1 to 64. @default 64 */
  want?: number
}

/** What came of a question. */
export interface AskResult {
  /** Records in the answer. */
  received: number
  /** Those that went to the sink. */
  taken: number
}

export interface AskerComponents {
  peerStore: Pick<PeerStore, 'get'>
  connectionManager: Pick<ConnectionManager, 'getConnections'>
  events: TypedEventTarget<Libp2pEvents>
}

/** Asks others, by itself and when told to. */
export class Asker {
  #stopping: AbortController | undefined
  #timer: Timer | undefined
  #timerAt = Infinity
  #pushTimer: Timer | undefined
  #isLooking = false
  #addresses = ''
  /** Exchanges that this node has begun by itself, by peer: whoever wants to ask one of them meanwhile joins in. */
  readonly #running = new Map<string, Promise<AskResult>>()

  constructor(
    private readonly components: AskerComponents,
    private readonly around: Surroundings,
    private readonly schedule: AskSchedule,
    private readonly limits: AskLimits,
    private readonly wants: () => number
  ) {}

  start(): void {
    const { events } = this.components
    this.#stopping = new AbortController()
    this.#addresses = this.around.own.addressKey()
    this.schedule.restart()
    events.addEventListener('peer:identify', this.#onIdentify)
    events.addEventListener('self:peer:update', this.#onSelfUpdate)
    this.#arm(this.limits.eagerInterval * this.schedule.jitter())
  }

  stop(): void {
    const { events } = this.components
    this.#stopping?.abort(new NotRunningError('peer exchange'))
    this.#stopping = undefined
    events.removeEventListener('peer:identify', this.#onIdentify)
    events.removeEventListener('self:peer:update', this.#onSelfUpdate)
    this.#disarm()
    this.#pushTimer?.clear()
    this.#pushTimer = undefined
  }

  async ask(peer: PeerId, options: AskOptions = {}): Promise<AskResult> {
    if (this.#stopping == null) {
      throw new NotRunningError('peer exchange')
    }
    options.signal?.throwIfAborted()
    const connection = this.#connections().find(({ remotePeer }) => remotePeer.equals(peer))
    if (connection == null) {
      throw new PexNotConnectedError(peer.toString())
    }
    const running = this.#running.get(peer.toString())
    if (running != null) {
      return options.signal == null ? running : unlessAborted(running, options.signal)
    }
    return this.#exchange(connection, options.want ?? MAX_RECORDS, options.signal)
  }

  /** A peer that can be asked has come: a node that has nobody else doesn't wait for its next turn. */
  readonly #onIdentify = ({ detail }: CustomEvent<IdentifyResult>): void => {
    if (detail.protocols.includes(PEX_PROTOCOL) && this.wants() > 0 && this.schedule.dueIn(1) === 0) {
      this.#arm((this.limits.eagerInterval / 2) * this.around.rng.float())
    }
  }

  /** libp2p says so when it listens somewhere else, but not when an interface gets another address: see #look. */
  readonly #onSelfUpdate = (): void => {
    const addresses = this.around.own.addressKey()
    if (addresses !== this.#addresses) {
      this.#addresses = addresses
      this.schedule.version++
      this.#armPush(PUSH_DELAY)
    }
  }

  /** Looks again in `ms`, or earlier if that was the plan. */
  #arm(ms: number): void {
    const { clock } = this.around
    const at = clock.monotonic() + ms
    if (this.#stopping == null || this.#isLooking || at >= this.#timerAt) {
      return
    }
    this.#disarm()
    this.#timerAt = at
    this.#timer = clock.setTimeout(() => {
      this.#disarm()
      void this.#look()
    }, ms)
  }

  #disarm(): void {
    this.#timer?.clear()
    this.#timer = undefined
    this.#timerAt = Infinity
  }

  /** Asks somebody if it is time to. It never rejects. */
  async #look(): Promise<void> {
    this.#isLooking = true
    let next = this.limits.interval * this.schedule.jitter()
    try {
      this.#onSelfUpdate()
      const wanted = this.wants()
      if (this.schedule.dueIn(wanted) === 0) {
        const found = await this.#pick()
        if (found instanceof Object) {
          this.schedule.spent()
          await this.#begin(found, Math.min(MAX_RECORDS, Math.max(MIN_WANTED, wanted * RECORDS_PER_PEER)))
        } else if (found === 'strangers') {
          next = Math.min(next, this.limits.eagerInterval)
        }
      }
    } catch {
      // counted, and reported if it was the peer's fault
    }
    this.#isLooking = false
    const due = this.schedule.dueIn(this.wants())
    this.#arm(due > 0 ? Math.min(next, due) : next)
  }

  /**
   * A random peer that may be asked; or whether there are none, or some that have not been introduced yet. Those that we
   * have dialled come before those that came to us: whoever wants to be our only teller can fill all inbound places, but
   * not choose whom we dial (Bitcoin Core asks nobody else: net_processing.cpp, getaddr).
   */
  async #pick(): Promise<Connection | 'nobody' | 'strangers'> {
    const { clock, rng, isPeer, timeout } = this.around
    const limit = deadline(clock, timeout, this.#stopping?.signal)
    let outcome: 'nobody' | 'strangers' = 'nobody'
    try {
      const all = shuffled(rng, this.#connections())
      const isOurs = ({ direction }: Connection): boolean => direction === 'outbound'
      for (const connection of [...all.filter(isOurs), ...all.filter((one) => !isOurs(one))]) {
        const { remotePeer } = connection
        if (this.schedule.waitFor(remotePeer.toString()) > 0 || !(await this.#speaksPex(remotePeer, limit.signal))) {
          continue
        }
        if (await unlessAborted(isPeer(remotePeer, connection), limit.signal)) {
          return connection
        }
        outcome = 'strangers'
      }
    } finally {
      limit.clear()
    }
    return outcome
  }

  async #speaksPex(peer: PeerId, signal: AbortSignal): Promise<boolean> {
    try {
      return (await this.components.peerStore.get(peer, { signal })).protocols.includes(PEX_PROTOCOL)
    } catch {
      return false
    }
  }

  /** One open connection of each peer on which asking is allowed, one that we have dialled if there is any. */
  #connections(): Connection[] {
    const byPeer = new Map<string, Connection>()
    for (const connection of this.components.connectionManager.getConnections()) {
      const peer = connection.remotePeer.toString()
      const isAllowed = connection.status === 'open' && connection.limits == null
      if (isAllowed && (!byPeer.has(peer) || connection.direction === 'outbound')) {
        byPeer.set(peer, connection)
      }
    }
    return [...byPeer.values()]
  }

  #armPush(ms: number): void {
    if (this.#stopping == null) {
      return
    }
    this.#pushTimer?.clear()
    this.#pushTimer = this.around.clock.setTimeout(() => {
      this.#pushTimer = undefined
      void this.#push()
    }, ms)
  }

  /** Tells one peer of our new addresses, and sees when the next one may be told. It never rejects. */
  async #push(): Promise<void> {
    const due = this.#connections().flatMap((connection) => {
      const ms = this.schedule.pushIn(connection.remotePeer.toString())
      return ms == null ? [] : [{ connection, ms }]
    })
    const now = due.find(({ ms }) => ms === 0)
    if (now != null) {
      try {
        await this.#begin(now.connection, MIN_WANTED)
      } catch {
        // counted, and reported if it was the peer's fault
      }
      this.#armPush(PUSH_GAP)
    } else if (due.length > 0) {
      this.#armPush(Math.min(...due.map(({ ms }) => ms)))
    }
  }

  /** An exchange that nobody has asked for; see {@link Asker.#running}. */
  async #begin(connection: Connection, want: number): Promise<void> {
    const peer = connection.remotePeer.toString()
    const exchange = this.#exchange(connection, want)
    this.#running.set(peer, exchange)
    try {
      await exchange
    } finally {
      this.#running.delete(peer)
    }
  }

  /** @throws PexStrangerError, PexAskedLatelyError, PexFailedError, PexMalformedError, or the signal's reason */
  async #exchange(connection: Connection, want: number, outer?: AbortSignal): Promise<AskResult> {
    const { clock, timeout, counters, isPeer } = this.around
    const stopping = this.#stopping?.signal
    const peer = connection.remotePeer.toString()
    const limit = deadline(clock, timeout, stopping, outer)
    try {
      if (!(await unlessAborted(isPeer(connection.remotePeer, connection), limit.signal))) {
        throw new PexStrangerError(peer)
      }
      return await this.#converse(connection, want, limit.signal)
    } catch (cause) {
      const error = this.#failure(peer, cause as Error)
      if (error instanceof PexMalformedError) {
        counters.stats.askFailures[error.offence]++
        reportOffence(this.around, connection, error)
      } else if (error instanceof PexFailedError && stopping?.aborted === false && outer?.aborted !== true) {
        counters.stats.askFailures.failed++
      }
      throw stopping?.aborted === true || outer?.aborted === true ? (limit.signal.reason as Error) : error
    } finally {
      limit.clear()
    }
  }

  #failure(peer: string, error: Error): Error {
    const isOurs =
      error instanceof PexMalformedError ||
      error instanceof PexStrangerError ||
      error instanceof PexAskedLatelyError ||
      error instanceof PexInvalidError
    return isOurs ? error : new PexFailedError(peer, error.message, { cause: error })
  }

  async #converse(connection: Connection, want: number, signal: AbortSignal): Promise<AskResult> {
    const { counters, intake, own, onAnswer } = this.around
    const peer = connection.remotePeer.toString()
    const teller = tellerOf(connection)
    const record = await own.for(teller.scope)
    const request = encodeRequest(record == null ? { want } : { want, record })
    const isPush = this.schedule.pushIn(peer) === 0
    const retryAfter = this.schedule.waitFor(peer)
    if (retryAfter > 0 && !isPush) {
      throw new PexAskedLatelyError(peer, retryAfter)
    }
    const undo = this.schedule.begin(peer)
    let stream: Stream
    try {
      stream = await connection.newStream(PEX_PROTOCOL, { signal })
    } catch (error) {
      undo()
      throw error
    }
    try {
      counters.stats.asked++
      counters.stats.pushed += isPush ? 1 : 0
      const records = await converse(stream, request, signal)
      if (records.length > want) {
        throw new PexMalformedError('over-long', `${records.length} records where ${want} were wanted`)
      }
      const taken = await intake.takeAnswer(records, teller, signal)
      counters.stats.answers++
      const answer = { received: records.length, taken }
      onAnswer?.(connection.remotePeer, answer)
      return answer
    } catch (error) {
      this.schedule.fail(peer)
      stream.abort(error as Error)
      throw error
    }
  }
}

/** One question and one answer; after either comes the end. */
async function converse(stream: Stream, request: Uint8Array, signal: AbortSignal): Promise<Uint8Array[]> {
  const frames = singleFrames(stream, PEX_FRAMES)
  await frames.write(request, signal)
  await stream.close({ signal })
  const records = decodeAnswer(await frames.read(signal))
  await frames.end(signal)
  return records
}
