import { decode, encode } from 'dns-packet'
import { isIPv4 } from 'node:net'
import { withoutZone } from '@penin/interface'
import { scopeOf } from './addresses.js'
import type { Answer, DecodedPacket, Question } from 'dns-packet'
import type { LocalLink, Rng } from '@penin/interface'
import type { Announced } from './addresses.js'

/** RFC 6762, section 17: no multicast DNS message may be longer than this, headers included. */
export const MAX_RECEIVED = 9000

/** What we send fits into one frame of any common link, so that it is never fragmented. */
export const MAX_SENT = 1400

/** RFC 1035, section 2.3.4: what a plain resolver, which sends from another port, can take. */
export const MAX_UNICAST = 512

/** RFC 6763, section 6.1: one string of a TXT record. */
export const MAX_TXT = 255

/** Addresses announced, and taken from one answer. */
export const MAX_ADDRESSES = 16

/** TXT strings read per peer, before any of them is parsed. */
export const MAX_TXT_STRINGS = 64

/** Peers read from one packet. Every known implementation sends one; a proxy may collect a few. */
export const MAX_PEERS = 8

/** Seconds; the value of js, go and rust libp2p, and RFC 6762's for records that contain a host name. */
export const TTL = 120

/** RFC 6762, section 6.7: seconds at most in an answer to a plain resolver, which hears no goodbye. */
export const LEGACY_TTL = 10

/** RFC 6763, section 9: asks which services there are at all. */
export const META_QUERY = '_services._dns-sd._udp.local'

const TXT_PREFIX = 'dnsaddr='

/** The names we answer to. */
export interface Names {
  serviceTag: string
  /** `<peer name>.<service tag>` */
  instance: string
  /** `<peer name>.local` */
  host: string
}

/** Characters in a peer name; 36^32 possibilities. A label may have 63, but every record repeats it. */
const PEER_NAME_LENGTH = 32

/** Names for a process: the peer name is random, as the specification wants it, and says nothing about the peer. */
export function makeNames(serviceTag: string, rng: Rng): Names {
  const peerName = Array.from(rng.bytes(PEER_NAME_LENGTH), (byte) => (byte % 36).toString(36)).join('')
  return { serviceTag, instance: `${peerName}.${serviceTag}`.toLowerCase(), host: `${peerName}.local` }
}

/** What somebody asked for: the peer itself, the list of services, or single records of ours. */
export type Wanted = 'peer' | 'services' | 'txt' | 'srv' | 'host'

/** A peer named in an answer, as it stands there. */
export interface RawSighting {
  /** `<peer name>.<service tag>` */
  name: string
  /** Seconds; 0 says goodbye. */
  ttl: number
  /** What followed `dnsaddr=`. */
  addresses: string[]
}

/** A query, reduced to what concerns us. */
export interface Query {
  kind: 'query'
  id: number
  wanted: Set<Wanted>
  /** The first question that concerned us. */
  questions: Question[]
}

/** A message, reduced to what concerns us. */
export type Message = Query | { kind: 'response'; sightings: RawSighting[] } | { kind: 'malformed' }

/** The question for every peer. */
export function buildQuery(serviceTag: string): Buffer {
  return encode({ type: 'query', questions: [{ name: serviceTag, type: 'PTR', class: 'IN' }] })
}

/**
 * Takes back what {@link buildAnswer} said. There is no TXT in it, because js-libp2p doesn't look at the time to live
 * and would discover the peer that is leaving.
 */
export function buildGoodbye(names: Names): Buffer {
  const record = { name: names.serviceTag, type: 'PTR', class: 'IN', ttl: 0, data: names.instance } as const
  return encode({ type: 'response', flags: AUTHORITATIVE, answers: [record] })
}

/** What goes into an answer. */
export interface AnswerContent {
  names: Names
  wanted: ReadonlySet<Wanted>
  /** Best first; as many go in as there is room for. */
  addresses: readonly Announced[]
  link: LocalLink
  /** A plain resolver asked: its id and questions are repeated. */
  legacy?: { id: number; questions: Question[] }
}

/**
 * An answer, or undefined if there is nothing to say.
 *
 * The peer's TXT stands among the additional records, where the libp2p specification puts it: rust-libp2p looks
 * nowhere else, go-libp2p and js-libp2p look everywhere. All addresses are strings of one TXT record (go-libp2p only keeps
 * the last record). SRV, A and AAAA say nothing a libp2p peer uses, but go-libp2p drops an answer without them, and a
 * DNS-SD browser can't resolve it.
 */
export function buildAnswer(content: AnswerContent): Buffer | undefined {
  const max = content.legacy === undefined ? MAX_SENT : MAX_UNICAST
  const strings = content.addresses
    .map(({ text }) => TXT_PREFIX + text)
    .filter((text) => Buffer.byteLength(text) <= MAX_TXT)
    .slice(0, MAX_ADDRESSES)
  for (let count = strings.length; count > 0; count--) {
    const packet = encodeAnswer(content, strings.slice(0, count))
    if (packet.length <= max) return packet
  }
  return undefined
}

function encodeAnswer(content: AnswerContent, strings: string[]): Buffer {
  const { names, wanted, legacy } = content
  const ttl = legacy === undefined ? TTL : LEGACY_TTL
  // cache-flush bit: these records are ours alone; a plain resolver wouldn't know the bit
  const unique = { class: 'IN', ttl, flush: legacy === undefined } as const
  const answers: Answer[] = []
  const additionals: Answer[] = []
  const all = wanted.has('peer')
  // one port has to do; libp2p peers don't look at it
  const port = content.addresses[0]?.port ?? 0
  if (all) answers.push({ name: names.serviceTag, type: 'PTR', class: 'IN', ttl, data: names.instance })
  if (wanted.has('services')) {
    answers.push({ name: META_QUERY, type: 'PTR', class: 'IN', ttl, data: names.serviceTag })
  }
  const section = (kind: Wanted): Answer[] | undefined => (wanted.has(kind) ? answers : all ? additionals : undefined)
  section('txt')?.push({ name: names.instance, type: 'TXT', data: [...strings], ...unique })
  section('srv')?.push({ name: names.instance, type: 'SRV', data: { port, target: names.host }, ...unique })
  section('host')?.push(...hostRecords(content).map((record) => ({ ...record, ...unique })))
  const query = legacy === undefined ? {} : { id: legacy.id, questions: legacy.questions }
  return encode({ type: 'response', flags: AUTHORITATIVE, ...query, answers, additionals })
}

/** RFC 6762, section 18.4: the AA bit must be set in a response. */
const AUTHORITATIVE = 1 << 10

/** One A and one AAAA record, if the interface has such an address. */
function hostRecords({ names, link }: AnswerContent): Array<{ name: string; type: 'A' | 'AAAA'; data: string }> {
  const own = link.addresses.map((local) => local.address)
  const v4 = own.find((address) => isIPv4(address))
  const v6 = own.filter((address) => !isIPv4(address))
  const v6best = v6.find((address) => scopeOf(address) !== 'link-local') ?? v6[0]
  return [
    ...(v4 === undefined ? [] : [{ name: names.host, type: 'A' as const, data: v4 }]),
    ...(v6best === undefined ? [] : [{ name: names.host, type: 'AAAA' as const, data: withoutZone(v6best) }])
  ]
}

/** Names are compared without regard to case (RFC 6762, section 16) and to a trailing dot. */
function sameName(a: string, b: string): boolean {
  return canonical(a) === canonical(b)
}

function canonical(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}

/** Reads a packet. Whatever it contains, nothing is thrown. */
export function parseMessage(packet: Uint8Array, names: Names): Message {
  let message: DecodedPacket
  try {
    message = decode(Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength))
  } catch {
    return { kind: 'malformed' }
  }
  // the codec takes a TXT record that is longer than the packet for one that ends there
  if (decode.bytes > packet.length) return { kind: 'malformed' }
  if (message.type === 'response') return { kind: 'response', sightings: readSightings(message, names.serviceTag) }
  return readQuery(message, names)
}

function readQuery(message: DecodedPacket, names: Names): Message {
  const wanted = new Set<Wanted>()
  const relevant: Question[] = []
  for (const question of message.questions ?? []) {
    const kinds = kindsOf(question, names)
    if (kinds.length > 0) relevant.push(question)
    for (const kind of kinds) wanted.add(kind)
  }
  // RFC 6762, section 7.1: who lists our record as known, with half of its life still before it, needs no answer
  if (wanted.has('peer') && (message.answers ?? []).some((answer) => isKnown(answer, names))) wanted.delete('peer')
  // one question is all that a plain resolver sends; repeating many would make the answer longer than it need be
  return { kind: 'query', id: message.id ?? 0, wanted, questions: relevant.slice(0, 1) }
}

function kindsOf({ name, type }: Question, names: Names): Wanted[] {
  const asked = type as string
  const any = asked === 'ANY'
  if (sameName(name, names.serviceTag)) return any || asked === 'PTR' ? ['peer'] : []
  if (sameName(name, META_QUERY)) return any || asked === 'PTR' ? ['services'] : []
  if (sameName(name, names.host)) return any || asked === 'A' || asked === 'AAAA' ? ['host'] : []
  if (!sameName(name, names.instance)) return []
  if (any) return ['txt', 'srv']
  return asked === 'TXT' ? ['txt'] : asked === 'SRV' ? ['srv'] : []
}

function isKnown(answer: Answer, names: Names): boolean {
  return (
    answer.type === 'PTR' &&
    sameName(answer.name, names.serviceTag) &&
    sameName(answer.data, names.instance) &&
    (answer.ttl ?? 0) >= TTL / 2
  )
}

function readSightings(message: DecodedPacket, serviceTag: string): RawSighting[] {
  const records = [...(message.answers ?? []), ...(message.additionals ?? [])]
  const sightings = new Map<string, RawSighting>()
  const suffix = `.${canonical(serviceTag)}`
  for (const record of records) {
    if (record.type !== 'PTR' || !sameName(record.name, serviceTag)) continue
    const name = canonical(record.data)
    if (!name.endsWith(suffix) || sightings.has(name)) continue
    sightings.set(name, { name, ttl: record.ttl ?? 0, addresses: [] })
    if (sightings.size === MAX_PEERS) break
  }
  const counts = new Map<string, number>()
  for (const record of records) {
    if (record.type !== 'TXT') continue
    const name = canonical(record.name)
    const sighting = sightings.get(name)
    if (sighting === undefined) continue
    for (const data of [record.data].flat()) {
      const count = (counts.get(name) ?? 0) + 1
      counts.set(name, count)
      const text = data.toString()
      if (count <= MAX_TXT_STRINGS && text.startsWith(TXT_PREFIX))
        sighting.addresses.push(text.slice(TXT_PREFIX.length))
    }
  }
  return [...sightings.values()]
}
