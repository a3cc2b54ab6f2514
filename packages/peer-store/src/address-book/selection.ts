import { randomInt, shuffled, type Rng } from '@penin/interface'
import { MAX_PROBES, PATIENCE, SMALL_BOOK, TRIED_SHARE } from './parameters.js'
import { weightOf } from './quality.js'
import type { BucketTable } from './bucket-table.js'
import type { DirectScope } from './address-facts.js'
import type { Entry } from './entry.js'
import type { Tables } from './tables.js'

/** What a choice depends on. */
export interface Choice {
  tables: Tables
  rng: Rng
  now: number
  count: number
  /** Whether an entry may be chosen at all. */
  isEligible: (entry: Entry) => boolean
  /** The share of picks from the tried table; 0 for none but new ones. @default TRIED_SHARE */
  triedShare?: number
  /** When entries of some scopes are wanted: where to look for them if they are rare. */
  scopes?: readonly DirectScope[]
}

/**
 * Different entries, at random: 85 % from the tried while both tables have something to offer, in each table first a
 * bucket and then a place, and the likelier the better they are. In a book of up to {@link SMALL_BOOK} entries nobody
 * is overlooked; in a larger one at most {@link MAX_PROBES} places of each table are looked at for one pick.
 */
export function choose(choice: Choice): Entry[] {
  return choice.tables.index.size <= SMALL_BOOK ? chooseFromAll(choice) : chooseByProbing(choice)
}

function chooseFromAll({ tables, rng, now, count, isEligible, triedShare = TRIED_SHARE }: Choice): Entry[] {
  const lists: Record<'tried' | 'new', Entry[]> = { tried: [], new: [] }
  for (const entry of tables.index.values()) {
    tables.touched++
    if (entry.table !== 'pinned' && isEligible(entry)) {
      lists[entry.table].push(entry)
    }
  }
  const chosen: Entry[] = []
  while (chosen.length < count) {
    const wantsTried = rng.float() < triedShare
    const [first, second] = wantsTried ? [lists.tried, lists.new] : [lists.new, lists.tried]
    const list = first.length > 0 || triedShare === 0 ? first : second
    if (list.length === 0) {
      break
    }
    chosen.push(...list.splice(weightedIndex(list, rng, now), 1))
  }
  return chosen
}

function weightedIndex(list: readonly Entry[], rng: Rng, now: number): number {
  const weights = list.map((entry) => weightOf(entry, now))
  let left = rng.float() * weights.reduce((sum, weight) => sum + weight, 0)
  for (const [i, weight] of weights.entries()) {
    left -= weight
    if (left < 0) {
      return i
    }
  }
  return list.length - 1
}

function chooseByProbing(choice: Choice): Entry[] {
  const { tables, rng, count, triedShare = TRIED_SHARE } = choice
  const chosen = new Set<Entry>()
  // Once a table had nothing to offer in so many looks it is not asked again in this choice.
  const empty = { tried: triedShare === 0, new: false, scopes: choice.scopes == null }
  while (chosen.size < count) {
    const wantsTried = !empty.tried && (empty.new || rng.float() < triedShare)
    const name = wantsTried ? 'tried' : 'new'
    const entry = empty[name] ? undefined : probe(choice, chosen, wantsTried ? tables.tried : tables.fresh)
    if (entry != null) {
      chosen.add(entry)
      continue
    }
    empty[name] = true
    if (!empty.tried || !empty.new) {
      continue
    }
    const rare = empty.scopes ? undefined : probeScopes(choice, chosen)
    if (rare == null) {
      break
    }
    chosen.add(rare)
  }
  return [...chosen]
}

function probe(choice: Choice, chosen: ReadonlySet<Entry>, table: BucketTable): Entry | undefined {
  return probeWith(choice, chosen, () => table.pick(choice.rng.float()))
}

function probeScopes(choice: Choice, chosen: ReadonlySet<Entry>): Entry | undefined {
  const { tables, rng, scopes = [], triedShare } = choice
  for (const scope of shuffled(rng, scopes)) {
    const list = tables.scopes[scope]
    const found = probeWith(choice, chosen, () => {
      const entry = list.pick(rng.float())
      return entry == null || entry.table === 'new' || (entry.table === 'tried' && triedShare !== 0) ? entry : SKIP
    })
    if (found != null) {
      return found
    }
  }
  return undefined
}

/** A look that met an entry out of the question. */
const SKIP = Symbol('skip')

function probeWith(
  { tables, rng, now, isEligible }: Choice,
  chosen: ReadonlySet<Entry>,
  look: () => Entry | typeof SKIP | undefined
): Entry | undefined {
  let patience = 1
  for (let i = 0; i < MAX_PROBES; i++) {
    const entry = look()
    if (entry == null) {
      return undefined
    }
    tables.touched++
    if (entry === SKIP || chosen.has(entry) || !isEligible(entry)) {
      continue
    }
    const chance = weightOf(entry, now) * patience
    if (chance >= 1 || rng.float() < chance) {
      return entry
    }
    patience *= PATIENCE
  }
  return undefined
}

/** Different entries, the good as likely as the bad, in proportion to what the tables hold; bounded like {@link choose}. */
export function sample({ tables, rng, count, isEligible }: Omit<Choice, 'now'>): Entry[] {
  const chosen = new Set<Entry>()
  if (tables.index.size <= SMALL_BOOK) {
    tables.touched += tables.index.size
    return shuffled(rng, tables.index.values()).filter(isEligible).slice(0, count)
  }
  const { fresh, tried, counts } = tables
  for (let looks = MAX_PROBES + 8 * count; looks > 0 && chosen.size < count; looks--) {
    const table = randomInt(rng, counts.tried + counts.new) < counts.tried ? tried : fresh
    const entry = table.pick(rng.float())
    tables.touched++
    if (entry != null && isEligible(entry)) {
      chosen.add(entry)
    }
  }
  return [...chosen]
}
