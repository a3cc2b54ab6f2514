import { readFile, stat } from 'node:fs/promises'
import { Reader, type CountryResponse } from 'mmdb-lib'
import { GeoDatabaseError } from './errors.js'

/** What an MMDB file is read for. */
export type GeoKind = 'country' | 'asn'

/** An IP address, as `ipOf()` finds it in a multiaddr. */
export interface IpAddress {
  version: 4 | 6
  ip: string
}

/** Which country or network an address belongs to; undefined if the database doesn't know. It never throws. */
export type GeoLookup = (address: IpAddress) => string | undefined

/** Files are read whole. The largest databases of cities have some 150 MB. */
const MAX_SIZE = 512 * 1024 * 1024

/** Networks that are looked at before a file is taken for one without the data: real ones have it in the first ten. */
const MAX_LOOKS = 1_000

/** Version of the file format that can be read. */
const FORMAT = 2

/** Between the search tree and the data there are 16 zero bytes. */
const SEPARATOR_SIZE = 16

/** As the reader answers it: what is in the record is up to whoever made the file. */
type Database = Reader<CountryResponse>

/**
 * Reads an MMDB file whole into memory and makes sure that it can be used.
 *
 * @throws GeoDatabaseError if it can't
 */
export async function openGeoDatabase(file: string, kind: GeoKind): Promise<GeoLookup> {
  const bytes = await read(file, kind)
  const database = parse(bytes, file, kind)
  if (!holds(database, kind, file)) {
    throw new GeoDatabaseError(file, kind, 'lacks-data')
  }
  return ({ version, ip }) => {
    if (version === 6 && database.metadata.ipVersion === 4) {
      return undefined // the reader would follow the first bits of it and find somebody else's network
    }
    try {
      return VALUE_OF[kind](database.get(ip))
    } catch {
      return undefined // a damaged record: no worse than a missing one
    }
  }
}

async function read(file: string, kind: GeoKind): Promise<Buffer> {
  try {
    const { size } = await stat(file)
    if (size <= MAX_SIZE) {
      return await readFile(file)
    }
  } catch (cause) {
    throw new GeoDatabaseError(file, kind, 'unreadable', { cause })
  }
  throw new GeoDatabaseError(file, kind, 'too-large')
}

function parse(bytes: Buffer, file: string, kind: GeoKind): Database {
  let database: Database
  try {
    database = new Reader<CountryResponse>(bytes)
  } catch (cause) {
    throw new GeoDatabaseError(file, kind, 'corrupt', { cause })
  }
  if (!isSound(database, bytes.length)) {
    throw new GeoDatabaseError(file, kind, 'corrupt')
  }
  return database
}

/** The reader believes what the metadata say, and would read anything for a tree. */
function isSound({ metadata }: Database, length: number): boolean {
  const { binaryFormatMajorVersion, ipVersion, nodeCount, searchTreeSize } = metadata
  return (
    binaryFormatMajorVersion === FORMAT &&
    (ipVersion === 4 || ipVersion === 6) &&
    Number.isSafeInteger(nodeCount) &&
    nodeCount > 0 &&
    searchTreeSize + SEPARATOR_SIZE <= length
  )
}

/** Goes from network to network until one has the data: a file of cities given for the networks would limit nothing. */
function holds(database: Database, kind: GeoKind, file: string): boolean {
  const width = database.metadata.ipVersion === 4 ? 32 : 128
  let address = 0n
  for (let looks = 0; looks < MAX_LOOKS && address < 1n << BigInt(width); looks++) {
    try {
      const [record, prefix] = database.getWithPrefixLength(format(address, width))
      if (VALUE_OF[kind](record) != null) {
        return true
      }
      address += 1n << BigInt(width - prefix)
    } catch (cause) {
      throw new GeoDatabaseError(file, kind, 'corrupt', { cause })
    }
  }
  return false
}

function format(address: bigint, width: 32 | 128): string {
  const [parts, size, radix, separator] = width === 32 ? ([4, 8n, 10, '.'] as const) : ([8, 16n, 16, ':'] as const)
  return Array.from({ length: parts }, (_, i) =>
    ((address >> (size * BigInt(parts - 1 - i))) & ((1n << size) - 1n)).toString(radix)
  ).join(separator)
}

/** MaxMind and DB-IP write `country.iso_code` and `autonomous_system_number`; IPinfo `country` or `country_code` and `asn`. */
const VALUE_OF: Record<GeoKind, (record: unknown) => string | undefined> = {
  country: (record) => {
    const { country, country_code: code } = fieldsOf(record)
    return text(fieldsOf(country).iso_code) ?? text(country) ?? text(code)
  },
  asn: (record) => {
    const { autonomous_system_number: number, asn } = fieldsOf(record)
    return typeof number === 'number' && number > 0 ? `AS${number}` : text(asn)
  }
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value != null ? (value as Record<string, unknown>) : {}
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= 64 ? value : undefined
}
