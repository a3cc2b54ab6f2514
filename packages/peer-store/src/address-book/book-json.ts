import { PEER_SOURCES, type PeerSource } from '@penin/interface'
import { AddressBookMalformedError, AddressBookTooNewError } from './errors.js'
import { DEFAULT_MAX_SIZE, MAX_ADDRESSES, MAX_ANCHORS, MAX_BANS, MAX_MARKS, MAX_NEW_PLACES } from './parameters.js'
import { MAX_MASK } from './scope-mask.js'
import type { BookBan, BookSnapshot, PeerMarks, StoredEntry } from './entry.js'

/** The layout of the JSON; raised when an older program could misread it. */
export const BOOK_JSON_SCHEMA = 1

/** An address book as a JSON value. The secret key is no part of it. */
export interface BookJson {
  schema: number
  entries: Array<Omit<StoredEntry, 'seq' | 'record'> & { seq?: string; record?: string }>
  /** `until: null` is for ever. */
  bans: Array<{ id: string; until: number | null }>
  marks: Array<{ id: string } & PeerMarks>
  anchors: string[]
}

/** A book's snapshot as a JSON value: big numbers as decimal strings, bytes as base64. */
export function toJSON(snapshot: BookSnapshot): BookJson {
  return {
    schema: BOOK_JSON_SCHEMA,
    entries: snapshot.entries.map(({ seq, record, ...entry }) => ({
      ...entry,
      ...(seq == null ? {} : { seq: seq.toString() }),
      ...(record == null ? {} : { record: Buffer.from(record).toString('base64') })
    })),
    bans: snapshot.bans.map(({ id, until }) => ({ id, until: until === Infinity ? null : until })),
    marks: snapshot.marks.map(({ id, marks }) => ({ id, ...marks })),
    anchors: [...snapshot.anchors]
  }
}

/**
 * Reads what {@link toJSON} has made, as a value or as text, for `AddressBook.restore`.
 *
 * @throws AddressBookMalformedError naming the first place that is not as it should be
 * @throws AddressBookTooNewError
 */
export function fromJSON(json: unknown): BookSnapshot {
  const root = new Reader(typeof json === 'string' ? parse(json) : json, '')
  const schema = root.field('schema').integer(1)
  if (schema > BOOK_JSON_SCHEMA) {
    throw new AddressBookTooNewError(schema, BOOK_JSON_SCHEMA)
  }
  return {
    entries: root.field('entries').list(DEFAULT_MAX_SIZE + MAX_MARKS, readEntry),
    bans: root.field('bans').list(MAX_BANS, readBan),
    marks: root.field('marks').list(MAX_MARKS, readMarks),
    anchors: root.field('anchors').list(MAX_ANCHORS, (anchor) => anchor.text(96))
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new AddressBookMalformedError('', 'JSON', { cause: error })
  }
}

function readEntry(entry: Reader): StoredEntry {
  const seq = entry.optional('seq')
  const record = entry.optional('record')
  const proven = entry.optional('proven')
  return {
    id: entry.field('id').text(96),
    addresses: entry.field('addresses').list(MAX_ADDRESSES, (address) => ({
      text: address.field('text').text(512),
      certified: address.field('certified').boolean()
    })),
    sources: entry.field('sources').list(PEER_SOURCES.length, readSource),
    sourceGroup: entry.field('sourceGroup').text(260),
    group: entry.field('group').text(260),
    tried: entry.field('tried').boolean(),
    newGroups: entry.field('newGroups').list(MAX_NEW_PLACES, (group) => group.text(260)),
    firstSeen: entry.field('firstSeen').integer(),
    lastSeen: entry.field('lastSeen').integer(),
    lastSuccess: entry.field('lastSuccess').integer(),
    lastAttempt: entry.field('lastAttempt').integer(),
    attempts: entry.field('attempts').integer(),
    failures: entry.field('failures').integer(),
    recordScopes: entry.field('recordScopes').integer(0, MAX_MASK),
    ...(seq == null ? {} : { seq: BigInt(seq.matching(/^\d{1,20}$/, 'a number in decimal digits')) }),
    ...(record == null ? {} : { record: readBytes(record) }),
    ...(proven == null ? {} : { proven: proven.text(512) })
  }
}

function readSource(source: Reader): PeerSource {
  const name = source.text(16)
  const known = PEER_SOURCES.find((candidate) => candidate === name)
  return known ?? source.fail(`one of ${PEER_SOURCES.join(', ')}`)
}

function readBytes(bytes: Reader): Uint8Array {
  const text = bytes.matching(/^[A-Za-z0-9+/]{1,4096}={0,2}$/, 'base64 of at most 3 KiB')
  return new Uint8Array(Buffer.from(text, 'base64'))
}

function readBan(ban: Reader): BookBan {
  const until = ban.field('until')
  return { id: ban.field('id').text(96), until: until.value === null ? Infinity : until.integer() }
}

function readMarks(marks: Reader): { id: string; marks: PeerMarks } {
  const set = (['persistent', 'private', 'unconditional'] as const).filter((name) => marks.optional(name)?.boolean())
  return { id: marks.field('id').text(96), marks: Object.fromEntries(set.map((name) => [name, true])) }
}

/** A value of unknown make, and where it stands. */
class Reader {
  constructor(
    readonly value: unknown,
    readonly path: string
  ) {}

  fail(expected: string): never {
    throw new AddressBookMalformedError(this.path, expected)
  }

  field(name: string): Reader {
    const { value } = this
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return this.fail('an object')
    }
    const inner: unknown = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined
    return new Reader(inner, this.path === '' ? name : `${this.path}.${name}`)
  }

  optional(name: string): Reader | undefined {
    const field = this.field(name)
    return field.value === undefined ? undefined : field
  }

  list<T>(max: number, read: (item: Reader) => T): T[] {
    const { value } = this
    if (!Array.isArray(value) || value.length > max) {
      return this.fail(`a list of at most ${max}`)
    }
    return value.map((item, i) => read(new Reader(item, `${this.path}[${i}]`)))
  }

  text(max: number): string {
    const { value } = this
    return typeof value === 'string' && value.length >= 1 && value.length <= max
      ? value
      : this.fail(`a text of 1 to ${max} characters`)
  }

  matching(pattern: RegExp, expected: string): string {
    const { value } = this
    return typeof value === 'string' && pattern.test(value) ? value : this.fail(expected)
  }

  integer(min = 0, max: number = Number.MAX_SAFE_INTEGER): number {
    const { value } = this
    return Number.isInteger(value) && (value as number) >= min && (value as number) <= max
      ? (value as number)
      : this.fail(max === Number.MAX_SAFE_INTEGER ? `a whole number of at least ${min}` : `a number up to ${max}`)
  }

  boolean(): boolean {
    return typeof this.value === 'boolean' ? this.value : this.fail('true or false')
  }
}
