import { PEER_SOURCES, type PeerSource } from '@penin/interface'
import { appended } from './appended.js'
import { endOfPackable, pack, packedTexts, type PackedAddresses } from './packed-addresses.js'
import { MAX_ADDRESSES, MAX_NEW_PLACES } from './parameters.js'
import type { StoredEntry } from './entry.js'

/** More sources than there are kinds of. */
const MAX_SOURCES = 16

/** The wire types of the fields that an entry has. */
const VARINT = 0
const BYTES = 2

/** Lists are replaced, never changed. */
const SINGLE_SOURCES: readonly PeerSource[][] = PEER_SOURCES.map((source) => [source])

/** Bytes in which all short texts of an entry usually lie. */
const HEAD_BYTES = 160

/** A longer piece of a text would be no copy: it would keep all of the text in memory. */
const MAX_COPIED = 12

/**
 * Reads the message of an entry in the form in which {@link encodeEntry} writes it, several times as fast as the
 * generated decoder, which makes objects on its way: a node reads 20,000 of them before it can do anything else.
 *
 * It must never read anything other than what the generated decoder reads. So whatever is not as usual (text that is not
 * ASCII, unknown fields, times after the year 19,000) is left to that one.
 */
export class EntryReader {
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #end = 0
  #isUsual = true
  #head = ''

  /**
   * @param bytes the record; the message is what lies between `start` and `end`
   * @param mayPack leave the addresses as they are, if they are usual ones
   * @returns undefined if it is not as usual
   */
  read(id: string, bytes: Uint8Array, start: number, end: number, mayPack = false): StoredEntry | undefined {
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#at = start
    this.#end = end
    this.#isUsual = true
    this.#head = ''
    let certified = 0
    let proven = 0
    const entry: StoredEntry = {
      id,
      addresses: [],
      sources: [],
      sourceGroup: '',
      group: '',
      tried: false,
      newGroups: [],
      firstSeen: 0,
      lastSeen: 0,
      lastSuccess: 0,
      lastAttempt: 0,
      attempts: 0,
      failures: 0,
      recordScopes: 0
    }
    const packable = mayPack ? endOfPackable(this.#bytes, start, end, MAX_ADDRESSES) : 0
    let packed: PackedAddresses | undefined
    if (packable > 0) {
      packed = pack(this.#textTo(packable))
    }
    while (this.#at < this.#end && this.#isUsual) {
      const tag = this.#varint()
      switch (tag) {
        case (1 << 3) | BYTES:
          this.#isUsual &&= packed == null
          entry.addresses = appended(entry.addresses, { text: this.#longText(), certified: false })
          break
        case (2 << 3) | VARINT:
          certified = this.#varint()
          break
        case (3 << 3) | BYTES:
          this.#source(entry)
          break
        case (4 << 3) | BYTES:
          entry.sourceGroup = this.#text()
          break
        case (5 << 3) | BYTES:
          entry.group = this.#text()
          break
        case (6 << 3) | VARINT:
          entry.tried = this.#varint() !== 0
          break
        case (7 << 3) | BYTES:
          this.#newGroup(entry)
          break
        case (18 << 3) | VARINT:
          proven = this.#varint()
          break
        default:
          this.#other(entry, tag)
      }
    }
    if (!this.#isUsual || !isWithinLimits(entry)) {
      return undefined
    }
    const isComplete =
      packed == null ? complete(entry, certified, proven) : completePacked(entry, packed, certified, proven)
    return isComplete ? entry : undefined
  }

  /** Nearly all entries have a single source, so that a few lists serve them all. */
  #source(entry: StoredEntry): void {
    const source = this.#text() as PeerSource
    if (entry.sources.length > 0) {
      entry.sources = appended(entry.sources, source)
      return
    }
    const i = PEER_SOURCES.indexOf(source)
    entry.sources = SINGLE_SOURCES[i] ?? [source]
  }

  /** Usually the group that has named the peer first. */
  #newGroup(entry: StoredEntry): void {
    const group = this.#text()
    entry.newGroups = appended(entry.newGroups, group === entry.sourceGroup ? entry.sourceGroup : group)
  }

  #other(entry: StoredEntry, tag: number): void {
    switch (tag) {
      case (8 << 3) | VARINT:
        entry.firstSeen = this.#varint()
        break
      case (9 << 3) | VARINT:
        entry.lastSeen = this.#varint()
        break
      case (10 << 3) | VARINT:
        entry.lastSuccess = this.#varint()
        break
      case (11 << 3) | VARINT:
        entry.lastAttempt = this.#varint()
        break
      case (12 << 3) | VARINT:
        entry.attempts = this.#small()
        break
      case (13 << 3) | VARINT:
        entry.failures = this.#small()
        break
      case (14 << 3) | VARINT:
        entry.seq = this.#long()
        break
      case (16 << 3) | BYTES:
        entry.record = this.#blob()
        break
      case (17 << 3) | VARINT:
        entry.recordScopes = this.#small()
        break
      case (19 << 3) | VARINT:
        entry.places = appended(entry.places ?? [], this.#small())
        break
      case (20 << 3) | VARINT:
        entry.placement = this.#small()
        break
      default:
        this.#isUsual = false
    }
  }

  /** A number below 2^49, written as short as it can be or not. */
  #varint(): number {
    const bytes = this.#bytes
    let value = 0
    let factor = 1
    for (let i = 0; i < 7 && this.#at < this.#end; i++) {
      const byte = bytes[this.#at++] as number
      value += (byte & 127) * factor
      if (byte < 128) {
        return value
      }
      factor *= 128
    }
    this.#isUsual = false
    return 0
  }

  /** A number below 2^63: the sequence numbers of some programs are nanoseconds. */
  #long(): bigint {
    const bytes = this.#bytes
    let low = 0
    let high = 0
    let factor = 1
    for (let i = 0; i < 9 && this.#at < this.#end; i++) {
      const byte = bytes[this.#at++] as number
      if (i < 7) {
        low += (byte & 127) * factor
        factor *= 128
      } else {
        high += (byte & 127) << (7 * (i - 7))
      }
      if (byte < 128) {
        return high === 0 ? BigInt(low) : (BigInt(high) << 49n) | BigInt(low)
      }
    }
    this.#isUsual = false
    return 0n
  }

  /** A number of 32 bits: of a larger one the generated decoder keeps the lower part. */
  #small(): number {
    const value = this.#varint()
    this.#isUsual &&= value <= 0xffff_ffff
    return value
  }

  /** A text of its own. */
  #longText(): string {
    return this.#textTo(this.#endOfText())
  }

  #textTo(end: number): string {
    const from = this.#at
    this.#at = end
    return this.#bytes.toString('latin1', from, end)
  }

  /** A text that is usually short: then it is copied out of the first bytes, which are made text once for all. */
  #text(): string {
    const end = this.#endOfText()
    const from = this.#at
    if (end - from > MAX_COPIED || end > HEAD_BYTES) {
      return this.#textTo(end)
    }
    if (this.#head === '') {
      this.#head = this.#bytes.toString('latin1', 0, HEAD_BYTES)
    }
    this.#at = end
    return this.#head.slice(from, end)
  }

  /** Reads the length of a text; where it ends. */
  #endOfText(): number {
    const end = this.#skip()
    const bytes = this.#bytes
    for (let i = this.#at; i < end; i++) {
      this.#isUsual &&= (bytes[i] as number) < 128
    }
    return end
  }

  /** A view: the bytes of a row are nobody else's. */
  #blob(): Uint8Array {
    const end = this.#skip()
    const from = this.#at
    const { buffer, byteOffset } = this.#bytes
    this.#at = end
    return new Uint8Array(buffer, byteOffset + from, end - from)
  }

  /** Reads a length; the end of what is that long. */
  #skip(): number {
    const end = this.#varint() + this.#at
    if (end > this.#end) {
      this.#isUsual = false
      return this.#at
    }
    return end
  }
}

function isWithinLimits({ addresses, sources, newGroups, places }: StoredEntry): boolean {
  const isFew = addresses.length <= MAX_ADDRESSES && sources.length <= MAX_SOURCES && newGroups.length <= MAX_NEW_PLACES
  return isFew && (places == null || places.length <= MAX_NEW_PLACES)
}

/** Says of the addresses what is written apart from them. */
function complete(entry: StoredEntry, certified: number, proven: number): boolean {
  const { addresses } = entry
  for (let i = 0; i < addresses.length; i++) {
    const address = addresses[i] as StoredEntry['addresses'][number]
    address.certified = (certified & (1 << i)) !== 0
  }
  const answered = proven === 0 ? undefined : addresses[proven - 1]
  if (answered != null) {
    entry.proven = answered.text
  }
  return certified <= 0xffff
}

function completePacked(entry: StoredEntry, packed: PackedAddresses, certified: number, proven: number): boolean {
  packed.certified = certified
  entry.packed = packed
  const answered = proven === 0 ? undefined : packedTexts(packed)[proven - 1]
  if (answered != null) {
    entry.proven = answered
  }
  return certified <= 0xffff
}
