/** Why writes do not reach the disk: `corrupt` means that LevelDB found a damaged file while it wrote. */
export type WriteFailure = 'disk-full' | 'read-only' | 'io' | 'corrupt'

/** The database was damaged: it stands at `movedTo` now and an empty one took its place. */
export interface CorruptEvent {
  type: 'corrupt'
  /** The folder of the database. */
  path: string
  /** Where the damaged one was moved. */
  movedTo: string
  /** What was wrong, in one line. */
  cause: string
}

/** One record did not decode. It was deleted and counted. */
export interface CorruptRecordEvent {
  type: 'corrupt-record'
  /** Its key, made safe for a terminal. */
  key: string
}

/** Writes stopped reaching the disk; they are kept in memory. Sent once for each time that this begins. */
export interface WriteFailedEvent {
  type: 'write-failed'
  reason: WriteFailure
  path: string
}

/** Writes reach the disk again, and those kept in memory have been written. */
export interface WriteRecoveredEvent {
  type: 'write-recovered'
  path: string
  /** Records that were only in memory and are on disk now. */
  flushed: number
}

/** The disk could not be read. Sent for the first failure only; `stats().readErrors` counts all. */
export interface ReadFailedEvent {
  type: 'read-failed'
  path: string
  cause: string
}

/** What a store tells the program; every event can go to a log as it is. */
export type StoreEvent = CorruptEvent | CorruptRecordEvent | WriteFailedEvent | WriteRecoveredEvent | ReadFailedEvent

/** A listener for {@link StoreEvent}s. What it throws is ignored: an alarm must not break the store. */
export type StoreEventListener = (event: StoreEvent) => void

/** A snapshot of a store's counters, from zero when it was opened. */
export interface StoreStats {
  /** `degraded`: writes stay in memory because the disk does not take them. */
  state: 'ok' | 'degraded' | 'closed'
  /** Records that did not decode, deleted. */
  corruptRecords: number
  /** Writes to the disk that failed (one for each group of records written at once). */
  writeErrors: number
  /** Reads from the disk that failed. */
  readErrors: number
  /** Records that are only in memory now. */
  overlayKeys: number
  /** Bytes of keys and values that are only in memory now. */
  overlayBytes: number
  /** Records that were only in memory and are lost: crowded out, or not yet on disk when the store was closed. */
  droppedWrites: number
  /** How often the database was closed and opened again to get out of a failed write. */
  reopens: number
}

/** Calls a listener and ignores what it throws. */
export function tell(listener: StoreEventListener | undefined, event: StoreEvent): void {
  try {
    listener?.(event)
  } catch {
    // The store's own work goes on whatever a listener does.
  }
}
