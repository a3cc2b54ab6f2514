import type { Multiaddr } from '@multiformats/multiaddr'
import { InvalidArgumentError, ipOf, observedScope } from '@penin/interface'
import { openGeoDatabase, type GeoKind, type GeoLookup } from './geo-database.js'
import { GroupCounts } from './group-counts.js'
import type { AdmitOptions } from './subnet-limit.js'

/** Options of {@link geoLimits}. A limit and its file go together. */
export interface GeoLimitsInit {
  /** An MMDB file of countries or cities (MaxMind GeoLite2, DB-IP Lite, IPinfo). It is read whole into memory, once. */
  countryFile?: string | undefined
  /** An MMDB file of autonomous systems, which are the networks of one operator each. */
  asnFile?: string | undefined
  /** Connections from one country, in both directions. */
  maxPerCountry?: number | undefined
  /**
   * Connections from one autonomous system, in both directions. A data centre rents out addresses of many /16 networks,
   * but all of them in its own few autonomous systems.
   */
  maxPerAsn?: number | undefined
}

/** The country or the network has as many connections as it gets. */
export interface GeoRefusal {
  reason: 'country-limit' | 'asn-limit'
  /** The ISO 3166-1 code of the country, or `AS` and a number; `printable()` before it goes to a terminal. */
  value: string
  limit: number
}

/** One limit: what is looked up, where, and how often it may occur. */
interface GeoLimit {
  kind: GeoKind
  lookup: GeoLookup
  max: number
}

/**
 * Opens the databases and counts connected peers by country and by autonomous system. Without options it limits nothing.
 *
 * Whoever is in no database is not limited by it: each has its holes, and the subnet limits hold for everybody.
 *
 * @throws GeoDatabaseError if a file can't be used
 * @throws InvalidArgumentError for a limit without its file, a file without its limit, or a limit that is no positive integer
 */
export async function geoLimits(init: GeoLimitsInit = {}): Promise<GeoLimits> {
  const limits = await Promise.all([
    open('country', init.countryFile, 'maxPerCountry', init.maxPerCountry),
    open('asn', init.asnFile, 'maxPerAsn', init.maxPerAsn)
  ])
  return new GeoLimits(limits.flatMap((limit) => limit ?? []))
}

async function open(
  kind: GeoKind,
  file: string | undefined,
  name: string,
  max?: number
): Promise<GeoLimit | undefined> {
  if (file == null && max == null) {
    return undefined
  }
  if (max == null || !Number.isSafeInteger(max) || max < 1) {
    throw new InvalidArgumentError(name, String(max), `a positive integer, to go with ${kind}File`)
  }
  if (file == null) {
    throw new InvalidArgumentError(`${kind}File`, 'undefined', `the path of an MMDB file, to go with ${name}`)
  }
  return { kind, lookup: await openGeoDatabase(file, kind), max }
}

/** See {@link geoLimits}. It holds one entry for each connection that it let in. */
export class GeoLimits {
  readonly #counts = new GroupCounts()
  readonly #limits: readonly GeoLimit[]

  constructor(limits: readonly GeoLimit[]) {
    this.#limits = limits
  }

  /** What {@link admit} would answer; before a dial, for instance. */
  check(address: Multiaddr, options: AdmitOptions = {}): GeoRefusal | undefined {
    if (options.unconditional !== true) {
      for (const { kind, max, value } of this.#locate(address)) {
        if (this.#counts.of(groupOf(kind, value)) >= max) {
          return { reason: `${kind}-limit`, value, limit: max }
        }
      }
    }
    return undefined
  }

  /** Takes a place for a connection, unless there is none: then it answers why. `key` names the connection. */
  admit(key: string, address: Multiaddr, options: AdmitOptions = {}): GeoRefusal | undefined {
    const refusal = this.check(address, options)
    if (refusal == null && options.unconditional !== true) {
      const groups = this.#locate(address).map(({ kind, value }) => groupOf(kind, value))
      this.#counts.hold(key, groups)
    }
    return refusal
  }

  /** The connection is gone. */
  release(key: string): void {
    this.#counts.release(key)
  }

  /** Connections that hold a place. */
  get size(): number {
    return this.#counts.size
  }

  #locate(address: Multiaddr): Array<{ kind: GeoKind; max: number; value: string }> {
    const ip = ipOf(address)
    if (ip == null || observedScope(address) !== 'public') {
      return []
    }
    return this.#limits.flatMap(({ kind, lookup, max }) => {
      const value = lookup(ip)
      return value == null ? [] : [{ kind, max, value }]
    })
  }
}

function groupOf(kind: GeoKind, value: string): string {
  return `${kind}:${value}`
}
