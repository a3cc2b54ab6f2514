import type { PeerId, PrivateKey, Startable } from '@libp2p/interface'
import type { AddressManager, Registrar } from '@libp2p/interface-internal'
import { systemClock, systemRng, type Clock, type PeerReporter, type RateLimit, type Rng } from '@penin/interface'
import { Answerer } from './answerer.js'
import { Answers } from './answers.js'
import { AskSchedule } from './ask-schedule.js'
import { Asker, type AskerComponents, type AskOptions, type AskResult } from './asker.js'
import { AskerLimits } from './asker-limits.js'
import type { IsPeer, OnAnswer, PexSink, PexSource } from './contracts.js'
import { Counters, type PexStats } from './counters.js'
import { Intake } from './intake.js'
import { ANSWER_LIMITS, ASK_LIMITS, type AnswerLimits, type AskLimits } from './limits.js'
import { OwnRecord } from './own-record.js'
import { PeerStoreBook, type PeerStoreBookComponents } from './peer-store-book.js'
import { PEX_PROTOCOL } from './protocol.js'
import type { Surroundings } from './surroundings.js'

/** Exchanges under way on one connection, each way: an honest peer needs one, and one while it is told of new addresses. */
const MAX_STREAMS = 2

/** Peers that a plain libp2p node wants, unless it says otherwise: the least of profile `standard`. */
const DEFAULT_TARGET = 16

export interface PexInit {
  /** Of whom others are told. @default the records in libp2p's peer store */
  source?: PexSource
  /** Where records go that others tell us of. @default libp2p's peer store, with a `peer:discovery` event */
  sink?: PexSink
  /** How many more peers are wanted; 0 makes questions rare. @default 16 less the connected ones */
  wants?: () => number
  /** Who has been introduced; nobody else is asked or answered. @default every connected peer */
  isPeer?: IsPeer
  /** Told of `pex-flood` and of `pex-malformed`, `-over-long`, `-repeated`, `-forged`, `-unsolicited`, all `mid`. */
  reporter?: PeerReporter
  /**
   * Told how useful an answer was. A peer that has just been asked for the same is of no less use: judge by `taken` only
   * where something was `received`.
   */
  onAnswer?: OnAnswer
  limits?: {
    ask?: Partial<AskLimits>
    answer?: Partial<AnswerLimits>
    /** News from one source group. @default { burst: 128, perSecond: 0.1 } */
    intake?: RateLimit
  }
  /** Milliseconds for one exchange. @default 10_000 */
  timeout?: number
  clock?: Clock
  rng?: Rng
}

export interface PexComponents extends AskerComponents, PeerStoreBookComponents {
  peerId: PeerId
  privateKey: PrivateKey
  peerStore: PeerStoreBookComponents['peerStore']
  registrar: Pick<Registrar, 'handle' | 'unhandle'>
  addressManager: Pick<AddressManager, 'getAddresses'>
}

/** Peers tell each other of peers. */
export interface Pex extends Startable {
  /**
   * Asks a connected peer now, however many peers are wanted. What it takes goes to the sink, and is there when this
   * resolves. A peer that is being introduced is waited for; one that this node is asking by itself at the moment is not
   * asked twice, its answer is this one's as well. Once it has ended the peer can be let go: so a crawler goes through
   * its seeds.
   *
   * @throws PexNotConnectedError, PexStrangerError
   * @throws PexAskedLatelyError since a peer is asked once in ten minutes, whoever wants it
   * @throws PexFailedError if no answer comes, PexMalformedError if it breaks the rules
   * @throws PexInvalidError for a `want` that is not 1 to 64
   * @throws NotRunningError, or the signal's reason
   */
  ask(peer: PeerId, options?: AskOptions): Promise<AskResult>
  /** Every counter since the node was made. */
  stats(): PexStats
}

class PexImpl implements Pex {
  readonly #registrar: PexComponents['registrar']
  readonly #counters = new Counters()
  readonly #book: PeerStoreBook
  readonly #asker: Asker
  readonly #answerer: Answerer
  #isRunning = false

  constructor(components: PexComponents, init: PexInit) {
    const { clock = systemClock, rng = systemRng, limits = {} } = init
    this.#registrar = components.registrar
    this.#book = new PeerStoreBook(components, rng)
    const common = { own: components.peerId, clock, counters: this.#counters }
    const intake = new Intake({
      ...common,
      sink: init.sink ?? this.#book,
      ...(limits.intake == null ? {} : { limit: limits.intake })
    })
    const around: Surroundings = {
      clock,
      rng,
      counters: this.#counters,
      intake,
      own: new OwnRecord(components, clock),
      isPeer: init.isPeer ?? (() => true),
      reporter: init.reporter,
      onAnswer: init.onAnswer,
      timeout: init.timeout ?? 10_000
    }
    const ask = { ...ASK_LIMITS, ...limits.ask }
    const wants = init.wants ?? (() => Math.max(0, DEFAULT_TARGET - connectedPeers(components)))
    this.#asker = new Asker(components, around, new AskSchedule(clock, rng, ask), ask, wants)
    const answers = new Answers({ ...common, source: init.source ?? this.#book, rng })
    this.#answerer = new Answerer(around, answers, new AskerLimits(clock, { ...ANSWER_LIMITS, ...limits.answer }))
  }

  get [Symbol.toStringTag](): string {
    return '@penin/pex'
  }

  async start(): Promise<void> {
    if (this.#isRunning) {
      return
    }
    this.#isRunning = true
    this.#book.start()
    this.#answerer.start()
    this.#asker.start()
    await this.#registrar.handle(PEX_PROTOCOL, this.#answerer.onStream, {
      maxInboundStreams: MAX_STREAMS,
      maxOutboundStreams: MAX_STREAMS
    })
  }

  async stop(): Promise<void> {
    if (!this.#isRunning) {
      return
    }
    this.#isRunning = false
    this.#asker.stop()
    this.#answerer.stop()
    this.#book.stop()
    await this.#registrar.unhandle(PEX_PROTOCOL)
  }

  async ask(peer: PeerId, options?: AskOptions): Promise<AskResult> {
    return this.#asker.ask(peer, options)
  }

  stats(): PexStats {
    return this.#counters.snapshot()
  }
}

function connectedPeers({ connectionManager }: PexComponents): number {
  return new Set(connectionManager.getConnections().map(({ remotePeer }) => remotePeer.toString())).size
}

/**
 * Peer exchange for any libp2p node; it needs identify beside it. Without options it tells of, and adds to, libp2p's own
 * peer store.
 */
export function pex(init: PexInit = {}): (components: PexComponents) => Pex {
  return (components) => new PexImpl(components, init)
}
