import { InvalidArgumentError, printable } from '@penin/interface'

/** The types that every program knows. Others are names of at most 64 bytes. */
export enum MessageType {
  DATA = 0,
  HEARTBEAT = 1,
  CONSENSUS = 2,
  DISCOVERY = 3,
  ERROR = 4,
  REQUEST = 5,
  RESPONSE = 6
}

/** The first number that stands for a name; those before it that {@link MessageType} doesn't use are reserved. */
export const FIRST_NAMED = 16

/** Names that get a number on one stream; a name beyond is sent in full each time. */
export const MAX_NAMED = 256

/** Bytes of a type's name. */
export const MAX_TYPE_BYTES = 64

/** @throws InvalidArgumentError unless it is a known number, or a name of 1 to 64 bytes */
export function checkType(type: MessageType | string): void {
  if (typeof type === 'number') {
    if (MessageType[type] == null) {
      throw new InvalidArgumentError('type', String(type), 'a MessageType or a name')
    }
    return
  }
  const isText = typeof type === 'string' && type !== '' && type.isWellFormed()
  if (!isText || type.length > MAX_TYPE_BYTES || Buffer.byteLength(type) > MAX_TYPE_BYTES) {
    throw new InvalidArgumentError('type', `"${printable(String(type))}"`, `a name of 1 to ${MAX_TYPE_BYTES} bytes`)
  }
}

/** A type as it is shown: names as they are, numbers by their name in {@link MessageType}. */
export function typeName(type: MessageType | string): string {
  return typeof type === 'string' ? type : MessageType[type]
}
