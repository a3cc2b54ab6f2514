import { DIRECT_SCOPES, reachesOf, scopeBit } from './scope-mask.js'
import { appended } from './appended.js'
import { BucketTable } from './bucket-table.js'
import { HostIndex } from './host-index.js'
import { IndexedSet } from './indexed-set.js'
import { MAX_NEW_PLACES, NEW_BUCKETS, TRIED_BUCKETS, ROOMY_SHARE } from './parameters.js'
import type { DirectScope } from './address-facts.js'
import type { Entry, StoredAddress } from './entry.js'
import type { Placement } from './placement.js'

/** Says whether an entry may lose its place. */
export type MayDisplace = (entry: Entry) => boolean

/** The entries, where they stand, and every index over them, kept in step with each other. It decides nothing. */
export class Tables {
  readonly index = new Map<string, Entry>()
  readonly fresh: BucketTable
  readonly tried: BucketTable
  readonly hosts = new HostIndex()
  readonly scopes: Record<DirectScope, IndexedSet<Entry>>
  readonly placement: Placement
  /** Entries in each table; places are more, since a new entry may stand at four. */
  readonly counts = { new: 0, tried: 0, pinned: 0 }
  /** How many entries have been looked at: shows that no operation walks through the book. */
  touched = 0
  readonly #onLoss: (entry: Entry, isRemoved: boolean) => void

  /** @param onLoss called when an entry was removed, or has lost one of its places to another one */
  constructor(placement: Placement, onLoss: (entry: Entry, isRemoved: boolean) => void) {
    this.placement = placement
    this.fresh = new BucketTable(NEW_BUCKETS, placement.bucketSize)
    this.tried = new BucketTable(TRIED_BUCKETS, placement.bucketSize)
    this.scopes = Object.fromEntries(DIRECT_SCOPES.map((scope) => [scope, new IndexedSet<Entry>()])) as Tables['scopes']
    this.#onLoss = onLoss
  }

  get(id: string): Entry | undefined {
    this.touched++
    return this.index.get(id)
  }

  /** Takes a new entry in, as pinned; it is placed next. */
  insert(entry: Entry): void {
    this.index.set(entry.id, entry)
    this.counts[entry.table]++
    this.#link(entry)
  }

  /** Takes an entry out of everything. */
  remove(entry: Entry): void {
    this.takeBack(entry)
    this.#onLoss(entry, true)
  }

  /** The same for one that has been inserted just now and found no place: it was never there. */
  takeBack(entry: Entry): void {
    this.#leave(entry)
    this.counts[entry.table]--
    this.index.delete(entry.id)
    this.#unlink(entry)
  }

  /** Gives an entry other addresses. */
  setAddresses(entry: Entry, addresses: readonly StoredAddress[]): void {
    this.#unlink(entry)
    entry.addresses = addresses
    this.#link(entry)
  }

  /** Counts an entry's hosts, or exempts it. */
  setCounted(entry: Entry, counted: boolean): void {
    this.#unlink(entry)
    entry.counted = counted
    this.#link(entry)
  }

  /**
   * A place among the new that the entry may take; undefined if all are taken, or it stands there already.
   *
   * @param hasChoice whether the second and third place may be taken as well. @default while the book is nearly empty: in a
   * full one that would give whoever has few groups three times the share
   */
  findNew(
    id: string,
    group: string,
    sourceGroup: string,
    may: MayDisplace,
    hasChoice = this.counts.new < this.fresh.places.length * ROOMY_SHARE
  ): number | undefined {
    let takeable: number | undefined
    for (const place of this.placement.newPlaces(group, sourceGroup, id)) {
      const incumbent = this.fresh.at(place)
      if (incumbent == null) {
        return place
      }
      this.touched++
      if (incumbent.id === id) {
        return undefined
      }
      if (takeable == null && may(incumbent)) {
        takeable = place
      }
      if (!hasChoice) {
        break
      }
    }
    return takeable
  }

  /** Puts an entry at a place that {@link findNew} has found; whoever stands there goes. */
  placeNew(entry: Entry, place: number, sourceGroup: string): void {
    if (entry.table === 'tried' || entry.places.length >= MAX_NEW_PLACES) {
      return
    }
    this.evictNew(place)
    this.#move(entry, 'new')
    this.fresh.put(place, entry)
    entry.places = appended(entry.places, place)
    entry.newGroups = appended(entry.newGroups, sourceGroup)
  }

  /** The place among the tried that an entry of `group` would take, and who stands there. */
  triedPlace(id: string, group: string): { place: number; incumbent: Entry | undefined } {
    this.touched++
    const place = this.placement.triedPlace(group, id)
    return { place, incumbent: this.tried.at(place) }
  }

  /**
   * Puts an entry that stands nowhere where it has stood before; false, and nothing is done, if one of the places is taken
   * or is none.
   */
  placeAgain(entry: Entry, table: 'new' | 'tried', places: number[], newGroups: string[]): boolean {
    const rows = table === 'tried' ? this.tried : this.fresh
    for (let i = 0; i < places.length; i++) {
      const place = places[i] as number
      if (place >= rows.places.length || rows.at(place) != null || places.indexOf(place) !== i) {
        return false
      }
    }
    this.#move(entry, table)
    for (const place of places) {
      rows.put(place, entry)
    }
    entry.places = places
    entry.newGroups = newGroups
    return true
  }

  /** Moves an entry to an empty place among the tried. */
  placeTried(entry: Entry, place: number, group: string): void {
    this.#leave(entry)
    this.#move(entry, 'tried')
    entry.group = group
    this.tried.put(place, entry)
    entry.places = [place]
  }

  /** Takes an entry out of its buckets; it is pinned until it is placed or removed. */
  unplace(entry: Entry): void {
    this.#leave(entry)
    this.#move(entry, 'pinned')
  }

  /** Takes whoever stands there from a place among the new; one that has no other place is removed. */
  evictNew(place: number): void {
    const incumbent = this.fresh.at(place)
    if (incumbent == null) {
      return
    }
    if (incumbent.places.length === 1) {
      this.remove(incumbent)
      return
    }
    const at = incumbent.places.indexOf(place)
    incumbent.places.splice(at, 1)
    incumbent.newGroups.splice(at, 1)
    this.fresh.clear(place)
    this.#onLoss(incumbent, false)
  }

  /** Removes entries at `count` places from `start` on, new ones before tried ones; returns where to go on. */
  sweep(start: number, count: number, isDead: (entry: Entry) => boolean): number {
    const fresh = this.fresh.places.length
    const all = fresh + this.tried.places.length
    for (let i = 0; i < Math.min(count, all); i++) {
      const at = (start + i) % all
      const entry = at < fresh ? this.fresh.at(at) : this.tried.at(at - fresh)
      this.touched += entry == null ? 0 : 1
      if (entry != null && isDead(entry)) {
        this.remove(entry)
      }
    }
    return (start + Math.min(count, all)) % all
  }

  #leave(entry: Entry): void {
    if (entry.places.length === 0) {
      return
    }
    const table = entry.table === 'tried' ? this.tried : this.fresh
    for (const place of entry.places) {
      table.clear(place)
    }
    entry.places = []
    entry.newGroups = []
  }

  #move(entry: Entry, table: Entry['table']): void {
    this.counts[entry.table]--
    this.counts[table]++
    entry.table = table
  }

  #link(entry: Entry): void {
    entry.mask = entry.packed == null ? maskOf(entry.addresses) : PUBLIC_BIT
    if (entry.counted) {
      this.hosts.add(entry)
    }
    for (const scope of reachesOf(entry.mask)) {
      this.scopes[scope].add(entry)
    }
  }

  #unlink(entry: Entry): void {
    if (entry.counted) {
      this.hosts.delete(entry)
    }
    for (const scope of reachesOf(entry.mask)) {
      this.scopes[scope].delete(entry)
    }
  }
}

/** Packed addresses are all direct and public. */
const PUBLIC_BIT = scopeBit({ scope: 'public', reach: 'public' })

function maskOf(addresses: readonly StoredAddress[]): number {
  let mask = 0
  for (const { bit } of addresses) {
    mask |= bit
  }
  return mask
}
