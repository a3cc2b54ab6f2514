import type { Connection, Stream } from '@libp2p/interface'
import { deadline, singleFrames, type SingleFrames } from '@penin/interface'
import type { Answers } from './answers.js'
import type { AskerLimits } from './asker-limits.js'
import { decodeRequest, encodeAnswer, type Request } from './codec.js'
import type { Refusal } from './counters.js'
import { PexFloodError, PexMalformedError, PexStrangerError } from './errors.js'
import { PEX_FRAMES } from './protocol.js'
import { reportOffence, tellerOf, unlessAborted, type Surroundings } from './surroundings.js'

/** Answers the questions of others. */
export class Answerer {
  #stopping: AbortController | undefined

  constructor(
    private readonly around: Surroundings,
    private readonly answers: Answers,
    private readonly limits: AskerLimits
  ) {}

  start(): void {
    this.#stopping = new AbortController()
  }

  stop(): void {
    this.#stopping?.abort()
    this.#stopping = undefined
  }

  readonly onStream = async (stream: Stream, connection: Connection): Promise<void> => {
    const { clock, timeout, counters } = this.around
    const stopping = this.#stopping
    if (stopping == null) {
      stream.abort(new PexStrangerError(connection.remotePeer.toString()))
      return
    }
    const limit = deadline(clock, timeout, stopping.signal)
    try {
      await this.#answer(stream, connection, limit.signal)
    } catch (error) {
      stream.abort(error as Error)
      if (stopping.signal.aborted) {
        return
      }
      counters.stats.refused[refusalOf(error)]++
      reportOffence(this.around, connection, error)
    } finally {
      limit.clear()
    }
  }

  async #answer(stream: Stream, connection: Connection, signal: AbortSignal): Promise<void> {
    const { counters, intake, isPeer, reporter } = this.around
    const peer = connection.remotePeer
    if (!(await unlessAborted(isPeer(peer, connection), signal))) {
      throw new PexStrangerError(peer.toString())
    }
    const teller = tellerOf(connection)
    const verdict = this.limits.judge(peer.toString(), teller.sourceGroup)
    if (verdict === 'flood') {
      reporter?.report(peer, { reason: 'pex-flood', tolerance: 'mid' })
      throw new PexFloodError(peer.toString())
    }
    const frames = singleFrames(stream, PEX_FRAMES)
    const { record, want } = await readRequest(frames, signal)
    if (verdict !== 'answer') {
      counters.stats.refused[verdict]++
      await frames.write(encodeAnswer([]), signal)
      await stream.close({ signal })
      return
    }
    const records = await unlessAborted(this.answers.for(peer, teller.scope, want), signal)
    await frames.write(encodeAnswer(records), signal)
    await stream.close({ signal })
    counters.stats.answered++
    counters.stats.told += records.length
    if (record != null) {
      await intake.takeOwn(record, teller, signal)
    }
  }
}

/** The question, which is all that the asker sends on a stream. */
async function readRequest(frames: SingleFrames, signal: AbortSignal): Promise<Request> {
  const bytes = await frames.read(signal)
  const request = decodeRequest(bytes)
  await frames.end(signal)
  return request
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof PexMalformedError) {
    return error.offence
  }
  if (error instanceof PexStrangerError) {
    return 'stranger'
  }
  return error instanceof PexFloodError ? 'flood' : 'failed'
}
