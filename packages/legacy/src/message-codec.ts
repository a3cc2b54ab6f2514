import { printable } from '@penin/interface'
import {
  JsonProblem,
  LegacyMessageInvalidError,
  LegacyMessageMalformedError,
  LegacyMessageTypeError
} from './errors.js'
import { JsonScanner, type Span } from './json-scanner.js'
import { object, type JsonObject, type JsonValue } from './message-schema.js'
import { LEGACY_MESSAGE_TYPES, PAYLOADS, type AnyLegacyMessage, type LegacyMessageType } from './message-types.js'

/** A message is at most this many bytes, its length prefix not counted. */
export const MAX_LEGACY_MESSAGE_BYTES = 1024 * 1024

/** Objects and lists within each other, at most: what a program walks through recursively stays harmless. */
export const MAX_LEGACY_DEPTH = 64

/** Peer ids have about 52 characters and message ids 16. */
const MAX_ID_LENGTH = 128

/** Signatures are not used; one of any known kind, in hexadecimal digits, fits. */
const MAX_SIGNATURE_LENGTH = 4096

/**
 * @throws LegacyMessageInvalidError for what no receiver would take
 */
export function encodeLegacyMessage(message: AnyLegacyMessage): Uint8Array {
  const { msg_type, sender_id, timestamp, payload, signature, msg_id } = message
  try {
    const text = JSON.stringify({ msg_type, sender_id, timestamp, payload, signature, msg_id })
    const bytes = new TextEncoder().encode(text)
    decodeLegacyMessage(bytes)
    return bytes
  } catch (error) {
    const { message } = error as Error
    const problem = error instanceof LegacyMessageMalformedError ? error.problem : message
    throw new LegacyMessageInvalidError(msg_type, problem, { cause: error })
  }
}

/**
 * NaN, Infinity and -Infinity, which Python writes for such floats, become null.
 *
 * @throws LegacyMessageTypeError for a type that doesn't exist, LegacyMessageMalformedError for anything else
 */
export function decodeLegacyMessage(bytes: Uint8Array): AnyLegacyMessage {
  if (bytes.byteLength > MAX_LEGACY_MESSAGE_BYTES) {
    throw new LegacyMessageMalformedError(`${bytes.byteLength} bytes`)
  }
  const value = readJson(bytes)
  if (object(value, '') != null) {
    throw new LegacyMessageMalformedError('no object')
  }
  const fields = value as JsonObject
  const type = fields['msg_type']
  if (typeof type !== 'string') {
    throw new LegacyMessageMalformedError('msg_type: expected a string')
  }
  if (!isType(type)) {
    throw new LegacyMessageTypeError(printable(type, 64))
  }
  const { sender_id, timestamp, payload, signature = null, msg_id } = fields
  const problem =
    idProblem(sender_id, 'sender_id') ??
    idProblem(msg_id, 'msg_id') ??
    (typeof timestamp === 'number' && Number.isFinite(timestamp) ? undefined : 'timestamp: expected a number') ??
    signatureProblem(signature) ??
    PAYLOADS[type](payload, 'payload')
  if (problem != null) {
    throw new LegacyMessageMalformedError(problem)
  }
  return { msg_type: type, sender_id, timestamp, payload, signature, msg_id } as unknown as AnyLegacyMessage
}

function isType(type: string): type is LegacyMessageType {
  return (LEGACY_MESSAGE_TYPES as string[]).includes(type)
}

function idProblem(value: JsonValue | undefined, place: string): string | undefined {
  return typeof value === 'string' && value.length >= 1 && value.length <= MAX_ID_LENGTH
    ? undefined
    : `${place}: expected 1 to ${MAX_ID_LENGTH} characters`
}

function signatureProblem(value: JsonValue): string | undefined {
  return value === null || (typeof value === 'string' && value.length <= MAX_SIGNATURE_LENGTH)
    ? undefined
    : 'signature: expected null or a string'
}

/** Checked before it is parsed, so that depth and Python's additions are known. Of equal keys the last one counts. */
function readJson(bytes: Uint8Array): JsonValue {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    throw new LegacyMessageMalformedError('no UTF-8', { cause: error })
  }
  const nonFinite: Span[] = []
  try {
    new JsonScanner(text, { maxDepth: MAX_LEGACY_DEPTH, onNonFinite: (span) => nonFinite.push(span) }).document()
  } catch (error) {
    if (error instanceof JsonProblem) {
      throw new LegacyMessageMalformedError(error.message, { cause: error })
    }
    throw error
  }
  return JSON.parse(withNulls(text, nonFinite)) as JsonValue
}

function withNulls(text: string, spans: Span[]): string {
  let at = 0
  const pieces = spans.map(({ start, end }) => {
    const piece = text.slice(at, start)
    at = end
    return piece
  })
  return [...pieces, text.slice(at)].join('null')
}
