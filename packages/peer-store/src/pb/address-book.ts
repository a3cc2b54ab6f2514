import { decodeMessage, encodeMessage, MaxLengthError, message, streamMessage } from 'protons-runtime'
import { alloc as uint8ArrayAlloc } from 'uint8arrays/alloc'
import type { Codec, DecodeOptions } from 'protons-runtime'
import type { Uint8ArrayList } from 'uint8arraylist'

export interface BookEntryRecord {
  addresses: string[]
  certified: number
  sources: string[]
  sourceGroup: string
  group: string
  tried: boolean
  newGroups: string[]
  firstSeen: number
  lastSeen: number
  lastSuccess: number
  lastAttempt: number
  attempts: number
  failures: number
  seq?: bigint
  record: Uint8Array<ArrayBuffer>
  recordScopes: number
  proven: number
  places: number[]
  placement: number
  checksum: number
}

export namespace BookEntryRecord {
  let _codec: Codec<BookEntryRecord>

  export const codec = (): Codec<BookEntryRecord> => {
    if (_codec == null) {
      _codec = message<BookEntryRecord>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if (obj.addresses != null && obj.addresses.length > 0) {
          for (const value of obj.addresses) {
            w.uint32(10)
            w.string(value)
          }
        }

        if ((obj.certified != null && obj.certified !== 0)) {
          w.uint32(16)
          w.uint32(obj.certified)
        }

        if (obj.sources != null && obj.sources.length > 0) {
          for (const value of obj.sources) {
            w.uint32(26)
            w.string(value)
          }
        }

        if ((obj.sourceGroup != null && obj.sourceGroup !== '')) {
          w.uint32(34)
          w.string(obj.sourceGroup)
        }

        if ((obj.group != null && obj.group !== '')) {
          w.uint32(42)
          w.string(obj.group)
        }

        if ((obj.tried != null && obj.tried !== false)) {
          w.uint32(48)
          w.bool(obj.tried)
        }

        if (obj.newGroups != null && obj.newGroups.length > 0) {
          for (const value of obj.newGroups) {
            w.uint32(58)
            w.string(value)
          }
        }

        if ((obj.firstSeen != null && obj.firstSeen !== 0)) {
          w.uint32(64)
          w.uint64Number(obj.firstSeen)
        }

        if ((obj.lastSeen != null && obj.lastSeen !== 0)) {
          w.uint32(72)
          w.uint64Number(obj.lastSeen)
        }

        if ((obj.lastSuccess != null && obj.lastSuccess !== 0)) {
          w.uint32(80)
          w.uint64Number(obj.lastSuccess)
        }

        if ((obj.lastAttempt != null && obj.lastAttempt !== 0)) {
          w.uint32(88)
          w.uint64Number(obj.lastAttempt)
        }

        if ((obj.attempts != null && obj.attempts !== 0)) {
          w.uint32(96)
          w.uint32(obj.attempts)
        }

        if ((obj.failures != null && obj.failures !== 0)) {
          w.uint32(104)
          w.uint32(obj.failures)
        }

        if (obj.seq != null) {
          w.uint32(112)
          w.uint64(obj.seq)
        }

        if ((obj.record != null && obj.record.byteLength > 0)) {
          w.uint32(130)
          w.bytes(obj.record)
        }

        if ((obj.recordScopes != null && obj.recordScopes !== 0)) {
          w.uint32(136)
          w.uint32(obj.recordScopes)
        }

        if ((obj.proven != null && obj.proven !== 0)) {
          w.uint32(144)
          w.uint32(obj.proven)
        }

        if (obj.places != null && obj.places.length > 0) {
          for (const value of obj.places) {
            w.uint32(152)
            w.uint32(value)
          }
        }

        if ((obj.placement != null && obj.placement !== 0)) {
          w.uint32(160)
          w.uint32(obj.placement)
        }

        if ((obj.checksum != null && obj.checksum !== 0)) {
          w.uint32(125)
          w.fixed32(obj.checksum)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          addresses: [],
          certified: 0,
          sources: [],
          sourceGroup: '',
          group: '',
          tried: false,
          newGroups: [],
          firstSeen: 0,
          lastSeen: 0,
          lastSuccess: 0,
          lastAttempt: 0,
          attempts: 0,
          failures: 0,
          record: uint8ArrayAlloc(0),
          recordScopes: 0,
          proven: 0,
          places: [],
          placement: 0,
          checksum: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              if (opts.limits?.addresses != null && obj.addresses.length === opts.limits.addresses) {
                throw new MaxLengthError('Decode error - repeated field "addresses" had too many elements')
              }

              obj.addresses.push(reader.string())
              break
            }
            case 2: {
              obj.certified = reader.uint32()
              break
            }
            case 3: {
              if (opts.limits?.sources != null && obj.sources.length === opts.limits.sources) {
                throw new MaxLengthError('Decode error - repeated field "sources" had too many elements')
              }

              obj.sources.push(reader.string())
              break
            }
            case 4: {
              obj.sourceGroup = reader.string()
              break
            }
            case 5: {
              obj.group = reader.string()
              break
            }
            case 6: {
              obj.tried = reader.bool()
              break
            }
            case 7: {
              if (opts.limits?.newGroups != null && obj.newGroups.length === opts.limits.newGroups) {
                throw new MaxLengthError('Decode error - repeated field "newGroups" had too many elements')
              }

              obj.newGroups.push(reader.string())
              break
            }
            case 8: {
              obj.firstSeen = reader.uint64Number()
              break
            }
            case 9: {
              obj.lastSeen = reader.uint64Number()
              break
            }
            case 10: {
              obj.lastSuccess = reader.uint64Number()
              break
            }
            case 11: {
              obj.lastAttempt = reader.uint64Number()
              break
            }
            case 12: {
              obj.attempts = reader.uint32()
              break
            }
            case 13: {
              obj.failures = reader.uint32()
              break
            }
            case 14: {
              obj.seq = reader.uint64()
              break
            }
            case 16: {
              obj.record = reader.bytes()
              break
            }
            case 17: {
              obj.recordScopes = reader.uint32()
              break
            }
            case 18: {
              obj.proven = reader.uint32()
              break
            }
            case 19: {
              if (opts.limits?.places != null && obj.places.length === opts.limits.places) {
                throw new MaxLengthError('Decode error - repeated field "places" had too many elements')
              }

              obj.places.push(reader.uint32())
              break
            }
            case 20: {
              obj.placement = reader.uint32()
              break
            }
            case 15: {
              obj.checksum = reader.fixed32()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const obj = {
          addresses: 0,
          sources: 0,
          newGroups: 0,
          places: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              if (opts.limits?.addresses != null && obj.addresses === opts.limits.addresses) {
                throw new MaxLengthError('Streaming decode error - repeated field "addresses" had too many elements')
              }

              yield {
                field: `${prefix}.addresses[]`,
                index: obj.addresses,
                value: reader.string()
              }

              obj.addresses++

              break
            }
            case 2: {
              yield {
                field: `${prefix}.certified`,
                value: reader.uint32()
              }
              break
            }
            case 3: {
              if (opts.limits?.sources != null && obj.sources === opts.limits.sources) {
                throw new MaxLengthError('Streaming decode error - repeated field "sources" had too many elements')
              }

              yield {
                field: `${prefix}.sources[]`,
                index: obj.sources,
                value: reader.string()
              }

              obj.sources++

              break
            }
            case 4: {
              yield {
                field: `${prefix}.sourceGroup`,
                value: reader.string()
              }
              break
            }
            case 5: {
              yield {
                field: `${prefix}.group`,
                value: reader.string()
              }
              break
            }
            case 6: {
              yield {
                field: `${prefix}.tried`,
                value: reader.bool()
              }
              break
            }
            case 7: {
              if (opts.limits?.newGroups != null && obj.newGroups === opts.limits.newGroups) {
                throw new MaxLengthError('Streaming decode error - repeated field "newGroups" had too many elements')
              }

              yield {
                field: `${prefix}.newGroups[]`,
                index: obj.newGroups,
                value: reader.string()
              }

              obj.newGroups++

              break
            }
            case 8: {
              yield {
                field: `${prefix}.firstSeen`,
                value: reader.uint64Number()
              }
              break
            }
            case 9: {
              yield {
                field: `${prefix}.lastSeen`,
                value: reader.uint64Number()
              }
              break
            }
            case 10: {
              yield {
                field: `${prefix}.lastSuccess`,
                value: reader.uint64Number()
              }
              break
            }
            case 11: {
              yield {
                field: `${prefix}.lastAttempt`,
                value: reader.uint64Number()
              }
              break
            }
            case 12: {
              yield {
                field: `${prefix}.attempts`,
                value: reader.uint32()
              }
              break
            }
            case 13: {
              yield {
                field: `${prefix}.failures`,
                value: reader.uint32()
              }
              break
            }
            case 14: {
              yield {
                field: `${prefix}.seq`,
                value: reader.uint64()
              }
              break
            }
            case 16: {
              yield {
                field: `${prefix}.record`,
                value: reader.bytes()
              }
              break
            }
            case 17: {
              yield {
                field: `${prefix}.recordScopes`,
                value: reader.uint32()
              }
              break
            }
            case 18: {
              yield {
                field: `${prefix}.proven`,
                value: reader.uint32()
              }
              break
            }
            case 19: {
              if (opts.limits?.places != null && obj.places === opts.limits.places) {
                throw new MaxLengthError('Streaming decode error - repeated field "places" had too many elements')
              }

              yield {
                field: `${prefix}.places[]`,
                index: obj.places,
                value: reader.uint32()
              }

              obj.places++

              break
            }
            case 20: {
              yield {
                field: `${prefix}.placement`,
                value: reader.uint32()
              }
              break
            }
            case 15: {
              yield {
                field: `${prefix}.checksum`,
                value: reader.fixed32()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface BookEntryRecordAddressesFieldEvent {
    field: '$.addresses[]'
    index: number
    value: string
  }

  export interface BookEntryRecordCertifiedFieldEvent {
    field: '$.certified'
    value: number
  }

  export interface BookEntryRecordSourcesFieldEvent {
    field: '$.sources[]'
    index: number
    value: string
  }

  export interface BookEntryRecordSourceGroupFieldEvent {
    field: '$.sourceGroup'
    value: string
  }

  export interface BookEntryRecordGroupFieldEvent {
    field: '$.group'
    value: string
  }

  export interface BookEntryRecordTriedFieldEvent {
    field: '$.tried'
    value: boolean
  }

  export interface BookEntryRecordNewGroupsFieldEvent {
    field: '$.newGroups[]'
    index: number
    value: string
  }

  export interface BookEntryRecordFirstSeenFieldEvent {
    field: '$.firstSeen'
    value: number
  }

  export interface BookEntryRecordLastSeenFieldEvent {
    field: '$.lastSeen'
    value: number
  }

  export interface BookEntryRecordLastSuccessFieldEvent {
    field: '$.lastSuccess'
    value: number
  }

  export interface BookEntryRecordLastAttemptFieldEvent {
    field: '$.lastAttempt'
    value: number
  }

  export interface BookEntryRecordAttemptsFieldEvent {
    field: '$.attempts'
    value: number
  }

  export interface BookEntryRecordFailuresFieldEvent {
    field: '$.failures'
    value: number
  }

  export interface BookEntryRecordSeqFieldEvent {
    field: '$.seq'
    value: bigint
  }

  export interface BookEntryRecordRecordFieldEvent {
    field: '$.record'
    value: Uint8Array<ArrayBuffer>
  }

  export interface BookEntryRecordRecordScopesFieldEvent {
    field: '$.recordScopes'
    value: number
  }

  export interface BookEntryRecordProvenFieldEvent {
    field: '$.proven'
    value: number
  }

  export interface BookEntryRecordPlacesFieldEvent {
    field: '$.places[]'
    index: number
    value: number
  }

  export interface BookEntryRecordPlacementFieldEvent {
    field: '$.placement'
    value: number
  }

  export interface BookEntryRecordChecksumFieldEvent {
    field: '$.checksum'
    value: number
  }

  export function encode (obj: Partial<BookEntryRecord>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, BookEntryRecord.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<BookEntryRecord>): BookEntryRecord {
    return decodeMessage(buf, BookEntryRecord.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<BookEntryRecord>): Generator<BookEntryRecordAddressesFieldEvent | BookEntryRecordCertifiedFieldEvent | BookEntryRecordSourcesFieldEvent | BookEntryRecordSourceGroupFieldEvent | BookEntryRecordGroupFieldEvent | BookEntryRecordTriedFieldEvent | BookEntryRecordNewGroupsFieldEvent | BookEntryRecordFirstSeenFieldEvent | BookEntryRecordLastSeenFieldEvent | BookEntryRecordLastSuccessFieldEvent | BookEntryRecordLastAttemptFieldEvent | BookEntryRecordAttemptsFieldEvent | BookEntryRecordFailuresFieldEvent | BookEntryRecordSeqFieldEvent | BookEntryRecordRecordFieldEvent | BookEntryRecordRecordScopesFieldEvent | BookEntryRecordProvenFieldEvent | BookEntryRecordPlacesFieldEvent | BookEntryRecordPlacementFieldEvent | BookEntryRecordChecksumFieldEvent> {
    return streamMessage(buf, BookEntryRecord.codec(), opts)
  }
}

export interface BookBanRecord {
  until: number
  checksum: number
}

export namespace BookBanRecord {
  let _codec: Codec<BookBanRecord>

  export const codec = (): Codec<BookBanRecord> => {
    if (_codec == null) {
      _codec = message<BookBanRecord>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.until != null && obj.until !== 0)) {
          w.uint32(8)
          w.uint64Number(obj.until)
        }

        if ((obj.checksum != null && obj.checksum !== 0)) {
          w.uint32(125)
          w.fixed32(obj.checksum)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          until: 0,
          checksum: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.until = reader.uint64Number()
              break
            }
            case 15: {
              obj.checksum = reader.fixed32()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.until`,
                value: reader.uint64Number()
              }
              break
            }
            case 15: {
              yield {
                field: `${prefix}.checksum`,
                value: reader.fixed32()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface BookBanRecordUntilFieldEvent {
    field: '$.until'
    value: number
  }

  export interface BookBanRecordChecksumFieldEvent {
    field: '$.checksum'
    value: number
  }

  export function encode (obj: Partial<BookBanRecord>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, BookBanRecord.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<BookBanRecord>): BookBanRecord {
    return decodeMessage(buf, BookBanRecord.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<BookBanRecord>): Generator<BookBanRecordUntilFieldEvent | BookBanRecordChecksumFieldEvent> {
    return streamMessage(buf, BookBanRecord.codec(), opts)
  }
}

export interface BookMarksRecord {
  persistent: boolean
  private: boolean
  unconditional: boolean
  checksum: number
}

export namespace BookMarksRecord {
  let _codec: Codec<BookMarksRecord>

  export const codec = (): Codec<BookMarksRecord> => {
    if (_codec == null) {
      _codec = message<BookMarksRecord>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.persistent != null && obj.persistent !== false)) {
          w.uint32(8)
          w.bool(obj.persistent)
        }

        if ((obj.private != null && obj.private !== false)) {
          w.uint32(16)
          w.bool(obj.private)
        }

        if ((obj.unconditional != null && obj.unconditional !== false)) {
          w.uint32(24)
          w.bool(obj.unconditional)
        }

        if ((obj.checksum != null && obj.checksum !== 0)) {
          w.uint32(125)
          w.fixed32(obj.checksum)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          persistent: false,
          private: false,
          unconditional: false,
          checksum: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.persistent = reader.bool()
              break
            }
            case 2: {
              obj.private = reader.bool()
              break
            }
            case 3: {
              obj.unconditional = reader.bool()
              break
            }
            case 15: {
              obj.checksum = reader.fixed32()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.persistent`,
                value: reader.bool()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.private`,
                value: reader.bool()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.unconditional`,
                value: reader.bool()
              }
              break
            }
            case 15: {
              yield {
                field: `${prefix}.checksum`,
                value: reader.fixed32()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface BookMarksRecordPersistentFieldEvent {
    field: '$.persistent'
    value: boolean
  }

  export interface BookMarksRecordPrivateFieldEvent {
    field: '$.private'
    value: boolean
  }

  export interface BookMarksRecordUnconditionalFieldEvent {
    field: '$.unconditional'
    value: boolean
  }

  export interface BookMarksRecordChecksumFieldEvent {
    field: '$.checksum'
    value: number
  }

  export function encode (obj: Partial<BookMarksRecord>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, BookMarksRecord.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<BookMarksRecord>): BookMarksRecord {
    return decodeMessage(buf, BookMarksRecord.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<BookMarksRecord>): Generator<BookMarksRecordPersistentFieldEvent | BookMarksRecordPrivateFieldEvent | BookMarksRecordUnconditionalFieldEvent | BookMarksRecordChecksumFieldEvent> {
    return streamMessage(buf, BookMarksRecord.codec(), opts)
  }
}

export interface BookAnchorsRecord {
  ids: string[]
  checksum: number
}

export namespace BookAnchorsRecord {
  let _codec: Codec<BookAnchorsRecord>

  export const codec = (): Codec<BookAnchorsRecord> => {
    if (_codec == null) {
      _codec = message<BookAnchorsRecord>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if (obj.ids != null && obj.ids.length > 0) {
          for (const value of obj.ids) {
            w.uint32(10)
            w.string(value)
          }
        }

        if ((obj.checksum != null && obj.checksum !== 0)) {
          w.uint32(125)
          w.fixed32(obj.checksum)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          ids: [],
          checksum: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              if (opts.limits?.ids != null && obj.ids.length === opts.limits.ids) {
                throw new MaxLengthError('Decode error - repeated field "ids" had too many elements')
              }

              obj.ids.push(reader.string())
              break
            }
            case 15: {
              obj.checksum = reader.fixed32()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const obj = {
          ids: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              if (opts.limits?.ids != null && obj.ids === opts.limits.ids) {
                throw new MaxLengthError('Streaming decode error - repeated field "ids" had too many elements')
              }

              yield {
                field: `${prefix}.ids[]`,
                index: obj.ids,
                value: reader.string()
              }

              obj.ids++

              break
            }
            case 15: {
              yield {
                field: `${prefix}.checksum`,
                value: reader.fixed32()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface BookAnchorsRecordIdsFieldEvent {
    field: '$.ids[]'
    index: number
    value: string
  }

  export interface BookAnchorsRecordChecksumFieldEvent {
    field: '$.checksum'
    value: number
  }

  export function encode (obj: Partial<BookAnchorsRecord>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, BookAnchorsRecord.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<BookAnchorsRecord>): BookAnchorsRecord {
    return decodeMessage(buf, BookAnchorsRecord.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<BookAnchorsRecord>): Generator<BookAnchorsRecordIdsFieldEvent | BookAnchorsRecordChecksumFieldEvent> {
    return streamMessage(buf, BookAnchorsRecord.codec(), opts)
  }
}

export interface BookKeyRecord {
  secret: Uint8Array<ArrayBuffer>
  checksum: number
}

export namespace BookKeyRecord {
  let _codec: Codec<BookKeyRecord>

  export const codec = (): Codec<BookKeyRecord> => {
    if (_codec == null) {
      _codec = message<BookKeyRecord>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.secret != null && obj.secret.byteLength > 0)) {
          w.uint32(10)
          w.bytes(obj.secret)
        }

        if ((obj.checksum != null && obj.checksum !== 0)) {
          w.uint32(125)
          w.fixed32(obj.checksum)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          secret: uint8ArrayAlloc(0),
          checksum: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.secret = reader.bytes()
              break
            }
            case 15: {
              obj.checksum = reader.fixed32()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.secret`,
                value: reader.bytes()
              }
              break
            }
            case 15: {
              yield {
                field: `${prefix}.checksum`,
                value: reader.fixed32()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface BookKeyRecordSecretFieldEvent {
    field: '$.secret'
    value: Uint8Array<ArrayBuffer>
  }

  export interface BookKeyRecordChecksumFieldEvent {
    field: '$.checksum'
    value: number
  }

  export function encode (obj: Partial<BookKeyRecord>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, BookKeyRecord.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<BookKeyRecord>): BookKeyRecord {
    return decodeMessage(buf, BookKeyRecord.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<BookKeyRecord>): Generator<BookKeyRecordSecretFieldEvent | BookKeyRecordChecksumFieldEvent> {
    return streamMessage(buf, BookKeyRecord.codec(), opts)
  }
}
