import { IMMUNITY } from './parameters.js'
import type { Entry } from './entry.js'
import type { Intake } from './intake.js'
import type { PendingTests } from './pending-tests.js'
import type { MayDisplace, Tables } from './tables.js'
import type { GoodResult } from './types.js'

/** What moving entries between the tables depends on. */
export interface TriedContext {
  tables: Tables
  tests: PendingTests
  intake: Intake
  mayDisplace: MayDisplace
  now: number
  /** Called for entries other than the one that is worked on. */
  onChange: (id: string) => void
}

/**
 * Moves an entry that was reached among the tried. When its place there is taken by a good one, that one is to be tested
 * first: an attacker whose peers all answer must not push out those that answer too.
 */
export function promote(context: TriedContext, entry: Entry, answered?: string): GoodResult {
  const { tables, tests, mayDisplace, now } = context
  entry.lastSuccess = entry.lastAttempt = entry.lastSeen = now
  entry.attempts = entry.failures = 0
  tests.take(entry.id, now)
  const address = entry.addresses.find(({ text }) => text === answered)
  entry.proven = address?.text ?? entry.proven
  const group = address?.group ?? (entry.table === 'tried' ? entry.group : groupOf(entry))
  if (entry.table === 'tried' && group === entry.group) {
    return { status: 'tried' }
  }
  const { place, incumbent } = tables.triedPlace(entry.id, group)
  if (incumbent === entry) {
    entry.group = group
    return { status: 'tried' }
  }
  if (incumbent != null && !mayDisplace(incumbent)) {
    return entry.table === 'tried' ? { status: 'tried' } : collide(context, entry, incumbent)
  }
  if (incumbent != null) {
    tables.remove(incumbent)
  }
  tests.drop(entry.id)
  tables.placeTried(entry, place, group)
  return { status: 'tried' }
}

function collide({ tests, now }: TriedContext, entry: Entry, incumbent: Entry): GoodResult {
  const isImmune = Math.abs(now - incumbent.lastSuccess) < IMMUNITY
  const queued = !isImmune && tests.add({ incumbent: incumbent.id, challenger: entry.id, since: now })
  return { status: 'collision', incumbent: incumbent.id, queued }
}

/** An incumbent could not be reached: if somebody has challenged it, that one takes the place. */
export function testFailed({ tables, tests, intake, now, onChange }: TriedContext, incumbent: Entry): void {
  const test = tests.take(incumbent.id, now)
  const challenger = test == null ? undefined : tables.get(test.challenger)
  if (challenger == null || challenger.table === 'tried' || !incumbent.counted) {
    return
  }
  const group = groupOf(challenger)
  const { place, incumbent: holder } = tables.triedPlace(challenger.id, group)
  if (holder !== incumbent) {
    return
  }
  tests.drop(challenger.id)
  // Out of its buckets first, so that the incumbent can't take a place from it on its way back among the new.
  tables.unplace(challenger)
  intake.demote(incumbent)
  tables.placeTried(challenger, place, group)
  onChange(challenger.id)
}

/** The group of the address that answered last, else of the first one. */
function groupOf({ addresses, proven, group }: Entry): string {
  return (addresses.find(({ text }) => text === proven) ?? addresses[0])?.group ?? group
}
