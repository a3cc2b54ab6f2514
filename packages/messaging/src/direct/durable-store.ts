import { peerIdFromString } from '@libp2p/peer-id'
import type { PeerId } from '@libp2p/interface'
import type { Rng } from '@penin/interface'
import { Key, type Datastore } from 'interface-datastore'
import { Lane, REFUSED, TAKEN, UNKNOWN } from './lane.js'
import { ID_SPAN } from './limits.js'
import { DataReader, encodeData, EPOCH_BYTES, type DataFrame } from './wire/data-frame.js'
import { VarintReader, varintLength, writeVarint } from './wire/varint.js'

const OUT = '/penin/messages/out'
const LANE = '/penin/messages/lane'
const IN = '/penin/messages/in'

/** Written before every record. */
const VERSION = 1

/** Ids that are reserved by one write: those that a crash leaves unused are never used again. */
const RESERVED_IDS = 256

/** Senders of durable messages whose ids are kept on disk; the one that sent longest ago goes first. */
const MAX_SENDERS = 4096

/** Where the ids of durable messages to one peer have come to; it survives a restart. */
export interface OutLane {
  epoch: Uint8Array
  next: number
  reserved: number
}

/** A durable message of an earlier run. */
export interface StoredMessage {
  peer: PeerId
  id: number
  type: number | string
  payload: Uint8Array
  /** Wall-clock time in milliseconds. */
  expires: number
  /** Bytes before compression, or -1. */
  size: number
}

/** What must outlive the process, in a datastore that belongs to somebody else. */
export class DurableStore {
  /** Records that could not be read, and were dropped. */
  dropped = 0
  readonly #senders = new Map<string, number>()
  #order = 0

  constructor(
    private readonly datastore: Datastore,
    private readonly rng: Rng
  ) {}

  async putMessage(peer: PeerId, frame: DataFrame & { given: number | string }, expires: number): Promise<void> {
    const { given } = frame
    const name = typeof given === 'string' ? new TextEncoder().encode(given) : undefined
    const stored: DataFrame = {
      ...frame,
      id: frame.id,
      type: typeof given === 'string' ? 0 : given,
      name,
      size: frame.size,
      payload: frame.payload,
      flags: 0,
      lifetime: -1,
      replyTo: -1,
      replyEpoch: undefined
    }
    const body = encodeData(stored)
    const bytes = new Uint8Array(1 + varintLength(expires) + body.length)
    bytes[0] = VERSION
    bytes.set(body, writeVarint(bytes, 1, expires))
    await this.datastore.put(messageKey(peer, frame.id), bytes)
  }

  async deleteMessage(peer: PeerId, id: number): Promise<void> {
    await this.datastore.delete(messageKey(peer, id))
  }

  /** All messages of earlier runs, in the order of their ids; what can't be read is deleted and counted. */
  async messages(): Promise<StoredMessage[]> {
    const stored: StoredMessage[] = []
    for await (const { key, value } of this.datastore.query({ prefix: OUT })) {
      try {
        stored.push(readMessage(key, value))
      } catch {
        this.dropped++
        await this.datastore.delete(key)
      }
    }
    return stored.sort((a, b) => a.id - b.id)
  }

  /** The lane of durable messages to a peer, as it was or new. Its next id is above all that were ever used. */
  async outLane(peer: PeerId): Promise<OutLane> {
    const bytes = await this.#get(new Key(`${LANE}/${peer.toString()}`))
    const reader = new VarintReader()
    if (bytes?.[0] === VERSION && bytes.length > 1 + EPOCH_BYTES) {
      reader.reset(bytes, 1 + EPOCH_BYTES, bytes.length)
      try {
        const next = reader.next()
        return { epoch: bytes.slice(1, 1 + EPOCH_BYTES), next, reserved: next }
      } catch {
        this.dropped++
      }
    }
    return { epoch: this.rng.bytes(EPOCH_BYTES), next: 0, reserved: 0 }
  }

  /** Takes the next id. The promise resolves once no later run will use it again. */
  takeId(peer: PeerId, lane: OutLane): { id: number; stored: Promise<void> | undefined } {
    const id = lane.next++
    if (id < lane.reserved) {
      return { id, stored: undefined }
    }
    lane.reserved = id + RESERVED_IDS
    const bytes = new Uint8Array(1 + EPOCH_BYTES + varintLength(lane.reserved))
    bytes[0] = VERSION
    bytes.set(lane.epoch, 1)
    writeVarint(bytes, 1 + EPOCH_BYTES, lane.reserved)
    return {
      id,
      stored: Promise.resolve(this.datastore.put(new Key(`${LANE}/${peer.toString()}`), bytes)).then(() => undefined)
    }
  }

  /** Reads which senders are known, for the bound of their number. */
  async load(): Promise<void> {
    for await (const key of this.datastore.queryKeys({ prefix: IN })) {
      this.#senders.set(key.baseNamespace(), this.#order++)
    }
  }

  /** What is remembered of a sender's durable ids in this epoch. */
  async inLane(peer: PeerId, epoch: string, lowest: number): Promise<Lane> {
    const bytes = await this.#get(new Key(`${IN}/${peer.toString()}`))
    const lane = bytes == null ? undefined : readLane(bytes, epoch)
    return lane ?? new Lane(epoch, lowest, ID_SPAN)
  }

  async putInLane(peer: PeerId, lane: Lane): Promise<void> {
    const name = peer.toString()
    this.#senders.delete(name)
    this.#senders.set(name, this.#order++)
    const oldest = this.#senders.keys().next().value
    if (this.#senders.size > MAX_SENDERS && oldest !== undefined) {
      this.#senders.delete(oldest)
      await this.datastore.delete(new Key(`${IN}/${oldest}`))
    }
    await this.datastore.put(new Key(`${IN}/${name}`), encodeLane(lane))
  }

  async #get(key: Key): Promise<Uint8Array | undefined> {
    try {
      return await this.datastore.get(key)
    } catch (error) {
      if ((error as Error).name === 'NotFoundError') {
        return undefined
      }
      throw error
    }
  }
}

function messageKey(peer: PeerId, id: number): Key {
  return new Key(`${OUT}/${peer.toString()}/${id.toString(16).padStart(14, '0')}`)
}

function readMessage(key: Key, bytes: Uint8Array): StoredMessage {
  const peer = peerIdFromString(key.parent().baseNamespace())
  const numbers = new VarintReader()
  numbers.reset(bytes, 1, bytes[0] === VERSION ? bytes.length : 1)
  const expires = numbers.next()
  const length = numbers.next()
  const frame = new DataReader()
  frame.read(bytes, numbers.at, numbers.at + Math.min(length, numbers.end - numbers.at))
  const type = frame.name === undefined ? frame.type : new TextDecoder('utf-8', { fatal: true }).decode(frame.name)
  return { peer, id: frame.id, type, payload: frame.payload, expires, size: frame.size }
}

/** Version, epoch, the first id never seen, and every remembered id that was not taken: unknown or refused. */
function encodeLane(lane: Lane): Uint8Array {
  const numbers = [lane.high]
  for (let id = lane.low; id < lane.high; id++) {
    const state = lane.state(id)
    if (state !== TAKEN) {
      // What is in progress will come again after a restart.
      numbers.push(lane.high - id, state > REFUSED ? state : UNKNOWN)
    }
  }
  const bytes = new Uint8Array(1 + EPOCH_BYTES + numbers.reduce((sum, n) => sum + varintLength(n), 0))
  bytes[0] = VERSION
  bytes.set(Buffer.from(lane.epoch, 'hex'), 1)
  let at = 1 + EPOCH_BYTES
  for (const n of numbers) {
    at = writeVarint(bytes, at, n)
  }
  return bytes
}

function readLane(bytes: Uint8Array, epoch: string): Lane | undefined {
  const from = 1 + EPOCH_BYTES
  if (bytes[0] !== VERSION || Buffer.from(bytes.subarray(1, from)).toString('hex') !== epoch) {
    return undefined
  }
  const reader = new VarintReader()
  reader.reset(bytes, from, bytes.length)
  try {
    const lane = new Lane(epoch, reader.next(), ID_SPAN)
    while (reader.at < reader.end) {
      const id = lane.high - reader.next()
      lane.settle(id, reader.next())
    }
    return lane
  } catch {
    return undefined
  }
}
