/** The key under which a database says how its records are laid out. */
export const SCHEMA_KEY = '/penin/schema'

/** The layout that this program writes, and the newest it knows. Raise it when an older program could misread a record. */
export const SCHEMA_VERSION = 1

/**
 * The record under {@link SCHEMA_KEY}: one byte with the schema version (1..255), then a protobuf message for what later
 * versions may want to say. Version 1 has nothing to say, so its message is empty and the record is the one byte.
 */
export function encodeSchema(version: number = SCHEMA_VERSION): Uint8Array {
  return Uint8Array.of(version)
}

/**
 * The schema version of a record, or undefined when it is malformed: empty, version 0, or anything after a version byte
 * that this program knows. What follows a newer version byte is not looked at.
 */
export function decodeSchema(record: Uint8Array): number | undefined {
  const version = record[0]
  if (version === undefined || version === 0) return undefined
  return version <= SCHEMA_VERSION && record.length > 1 ? undefined : version
}
