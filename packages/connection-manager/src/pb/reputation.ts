import { decodeMessage, encodeMessage, MaxLengthError, message, streamMessage } from 'protons-runtime'
import type { Codec, DecodeOptions } from 'protons-runtime'
import type { Uint8ArrayList } from 'uint8arraylist'

export interface StandingRecord {
  savedAt: number
  firstSeen: number
  lastSeen: number
  uptime: number
  messages: number
  latency: number
  exchange: number
  penalty: number
  strikes: number
  health: number
  trusted: boolean
  group: string
  history: ChangeRecord[]
}

export namespace StandingRecord {
  let _codec: Codec<StandingRecord>

  export const codec = (): Codec<StandingRecord> => {
    if (_codec == null) {
      _codec = message<StandingRecord>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.savedAt != null && obj.savedAt !== 0)) {
          w.uint32(8)
          w.uint64Number(obj.savedAt)
        }

        if ((obj.firstSeen != null && obj.firstSeen !== 0)) {
          w.uint32(16)
          w.uint64Number(obj.firstSeen)
        }

        if ((obj.lastSeen != null && obj.lastSeen !== 0)) {
          w.uint32(24)
          w.uint64Number(obj.lastSeen)
        }

        if ((obj.uptime != null && obj.uptime !== 0)) {
          w.uint32(33)
          w.double(obj.uptime)
        }

        if ((obj.messages != null && obj.messages !== 0)) {
          w.uint32(41)
          w.double(obj.messages)
        }

        if ((obj.latency != null && obj.latency !== 0)) {
          w.uint32(49)
          w.double(obj.latency)
        }

        if ((obj.exchange != null && obj.exchange !== 0)) {
          w.uint32(57)
          w.double(obj.exchange)
        }

        if ((obj.penalty != null && obj.penalty !== 0)) {
          w.uint32(65)
          w.double(obj.penalty)
        }

        if ((obj.strikes != null && obj.strikes !== 0)) {
          w.uint32(73)
          w.double(obj.strikes)
        }

        if ((obj.health != null && obj.health !== 0)) {
          w.uint32(80)
          w.uint32(obj.health)
        }

        if ((obj.trusted != null && obj.trusted !== false)) {
          w.uint32(88)
          w.bool(obj.trusted)
        }

        if ((obj.group != null && obj.group !== '')) {
          w.uint32(98)
          w.string(obj.group)
        }

        if (obj.history != null && obj.history.length > 0) {
          for (const value of obj.history) {
            w.uint32(106)
            ChangeRecord.codec().encode(value, w)
          }
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          savedAt: 0,
          firstSeen: 0,
          lastSeen: 0,
          uptime: 0,
          messages: 0,
          latency: 0,
          exchange: 0,
          penalty: 0,
          strikes: 0,
          health: 0,
          trusted: false,
          group: '',
          history: []
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.savedAt = reader.uint64Number()
              break
            }
            case 2: {
              obj.firstSeen = reader.uint64Number()
              break
            }
            case 3: {
              obj.lastSeen = reader.uint64Number()
              break
            }
            case 4: {
              obj.uptime = reader.double()
              break
            }
            case 5: {
              obj.messages = reader.double()
              break
            }
            case 6: {
              obj.latency = reader.double()
              break
            }
            case 7: {
              obj.exchange = reader.double()
              break
            }
            case 8: {
              obj.penalty = reader.double()
              break
            }
            case 9: {
              obj.strikes = reader.double()
              break
            }
            case 10: {
              obj.health = reader.uint32()
              break
            }
            case 11: {
              obj.trusted = reader.bool()
              break
            }
            case 12: {
              obj.group = reader.string()
              break
            }
            case 13: {
              if (opts.limits?.history != null && obj.history.length === opts.limits.history) {
                throw new MaxLengthError('Decode error - repeated field "history" had too many elements')
              }

              obj.history.push(ChangeRecord.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.history$
              }))
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
          history: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.savedAt`,
                value: reader.uint64Number()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.firstSeen`,
                value: reader.uint64Number()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.lastSeen`,
                value: reader.uint64Number()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.uptime`,
                value: reader.double()
              }
              break
            }
            case 5: {
              yield {
                field: `${prefix}.messages`,
                value: reader.double()
              }
              break
            }
            case 6: {
              yield {
                field: `${prefix}.latency`,
                value: reader.double()
              }
              break
            }
            case 7: {
              yield {
                field: `${prefix}.exchange`,
                value: reader.double()
              }
              break
            }
            case 8: {
              yield {
                field: `${prefix}.penalty`,
                value: reader.double()
              }
              break
            }
            case 9: {
              yield {
                field: `${prefix}.strikes`,
                value: reader.double()
              }
              break
            }
            case 10: {
              yield {
                field: `${prefix}.health`,
                value: reader.uint32()
              }
              break
            }
            case 11: {
              yield {
                field: `${prefix}.trusted`,
                value: reader.bool()
              }
              break
            }
            case 12: {
              yield {
                field: `${prefix}.group`,
                value: reader.string()
              }
              break
            }
            case 13: {
              if (opts.limits?.history != null && obj.history === opts.limits.history) {
                throw new MaxLengthError('Streaming decode error - repeated field "history" had too many elements')
              }

              for (const evt of ChangeRecord.codec().stream(reader, reader.uint32(), `${prefix}.history[]`, {
                limits: opts.limits?.history$
              })) {
                yield {
                  ...evt,
                  index: obj.history
                }
              }

              obj.history++

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

  export interface StandingRecordSavedAtFieldEvent {
    field: '$.savedAt'
    value: number
  }

  export interface StandingRecordFirstSeenFieldEvent {
    field: '$.firstSeen'
    value: number
  }

  export interface StandingRecordLastSeenFieldEvent {
    field: '$.lastSeen'
    value: number
  }

  export interface StandingRecordUptimeFieldEvent {
    field: '$.uptime'
    value: number
  }

  export interface StandingRecordMessagesFieldEvent {
    field: '$.messages'
    value: number
  }

  export interface StandingRecordLatencyFieldEvent {
    field: '$.latency'
    value: number
  }

  export interface StandingRecordExchangeFieldEvent {
    field: '$.exchange'
    value: number
  }

  export interface StandingRecordPenaltyFieldEvent {
    field: '$.penalty'
    value: number
  }

  export interface StandingRecordStrikesFieldEvent {
    field: '$.strikes'
    value: number
  }

  export interface StandingRecordHealthFieldEvent {
    field: '$.health'
    value: number
  }

  export interface StandingRecordTrustedFieldEvent {
    field: '$.trusted'
    value: boolean
  }

  export interface StandingRecordGroupFieldEvent {
    field: '$.group'
    value: string
  }

  export interface StandingRecordHistoryAtFieldEvent {
    field: '$.history[].at'
    value: number
    index: number
  }

  export interface StandingRecordHistoryWhatFieldEvent {
    field: '$.history[].what'
    value: string
    index: number
  }

  export interface StandingRecordHistoryReasonFieldEvent {
    field: '$.history[].reason'
    value: string
    index: number
  }

  export interface StandingRecordHistoryBeforeFieldEvent {
    field: '$.history[].before'
    value: number
    index: number
  }

  export interface StandingRecordHistoryAfterFieldEvent {
    field: '$.history[].after'
    value: number
    index: number
  }

  export interface StandingRecordHistoryTimesFieldEvent {
    field: '$.history[].times'
    value: number
    index: number
  }

  export function encode (obj: Partial<StandingRecord>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, StandingRecord.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StandingRecord>): StandingRecord {
    return decodeMessage(buf, StandingRecord.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StandingRecord>): Generator<StandingRecordSavedAtFieldEvent | StandingRecordFirstSeenFieldEvent | StandingRecordLastSeenFieldEvent | StandingRecordUptimeFieldEvent | StandingRecordMessagesFieldEvent | StandingRecordLatencyFieldEvent | StandingRecordExchangeFieldEvent | StandingRecordPenaltyFieldEvent | StandingRecordStrikesFieldEvent | StandingRecordHealthFieldEvent | StandingRecordTrustedFieldEvent | StandingRecordGroupFieldEvent | StandingRecordHistoryAtFieldEvent | StandingRecordHistoryWhatFieldEvent | StandingRecordHistoryReasonFieldEvent | StandingRecordHistoryBeforeFieldEvent | StandingRecordHistoryAfterFieldEvent | StandingRecordHistoryTimesFieldEvent> {
    return streamMessage(buf, StandingRecord.codec(), opts)
  }
}

export interface ChangeRecord {
  at: number
  what: string
  reason: string
  before: number
  after: number
  times: number
}

export namespace ChangeRecord {
  let _codec: Codec<ChangeRecord>

  export const codec = (): Codec<ChangeRecord> => {
    if (_codec == null) {
      _codec = message<ChangeRecord>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.at != null && obj.at !== 0)) {
          w.uint32(8)
          w.uint64Number(obj.at)
        }

        if ((obj.what != null && obj.what !== '')) {
          w.uint32(18)
          w.string(obj.what)
        }

        if ((obj.reason != null && obj.reason !== '')) {
          w.uint32(26)
          w.string(obj.reason)
        }

        if ((obj.before != null && obj.before !== 0)) {
          w.uint32(33)
          w.double(obj.before)
        }

        if ((obj.after != null && obj.after !== 0)) {
          w.uint32(41)
          w.double(obj.after)
        }

        if ((obj.times != null && obj.times !== 0)) {
          w.uint32(48)
          w.uint32(obj.times)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          at: 0,
          what: '',
          reason: '',
          before: 0,
          after: 0,
          times: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.at = reader.uint64Number()
              break
            }
            case 2: {
              obj.what = reader.string()
              break
            }
            case 3: {
              obj.reason = reader.string()
              break
            }
            case 4: {
              obj.before = reader.double()
              break
            }
            case 5: {
              obj.after = reader.double()
              break
            }
            case 6: {
              obj.times = reader.uint32()
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
                field: `${prefix}.at`,
                value: reader.uint64Number()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.what`,
                value: reader.string()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.reason`,
                value: reader.string()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.before`,
                value: reader.double()
              }
              break
            }
            case 5: {
              yield {
                field: `${prefix}.after`,
                value: reader.double()
              }
              break
            }
            case 6: {
              yield {
                field: `${prefix}.times`,
                value: reader.uint32()
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

  export interface ChangeRecordAtFieldEvent {
    field: '$.at'
    value: number
  }

  export interface ChangeRecordWhatFieldEvent {
    field: '$.what'
    value: string
  }

  export interface ChangeRecordReasonFieldEvent {
    field: '$.reason'
    value: string
  }

  export interface ChangeRecordBeforeFieldEvent {
    field: '$.before'
    value: number
  }

  export interface ChangeRecordAfterFieldEvent {
    field: '$.after'
    value: number
  }

  export interface ChangeRecordTimesFieldEvent {
    field: '$.times'
    value: number
  }

  export function encode (obj: Partial<ChangeRecord>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, ChangeRecord.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ChangeRecord>): ChangeRecord {
    return decodeMessage(buf, ChangeRecord.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ChangeRecord>): Generator<ChangeRecordAtFieldEvent | ChangeRecordWhatFieldEvent | ChangeRecordReasonFieldEvent | ChangeRecordBeforeFieldEvent | ChangeRecordAfterFieldEvent | ChangeRecordTimesFieldEvent> {
    return streamMessage(buf, ChangeRecord.codec(), opts)
  }
}

export interface SentenceRecord {
  since: number
  until: number
  level: number
  automatic: boolean
  reason: string
  by: string
  offences: number[]
  group: string
}

export namespace SentenceRecord {
  let _codec: Codec<SentenceRecord>

  export const codec = (): Codec<SentenceRecord> => {
    if (_codec == null) {
      _codec = message<SentenceRecord>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.since != null && obj.since !== 0)) {
          w.uint32(8)
          w.uint64Number(obj.since)
        }

        if ((obj.until != null && obj.until !== 0)) {
          w.uint32(16)
          w.uint64Number(obj.until)
        }

        if ((obj.level != null && obj.level !== 0)) {
          w.uint32(24)
          w.uint32(obj.level)
        }

        if ((obj.automatic != null && obj.automatic !== false)) {
          w.uint32(32)
          w.bool(obj.automatic)
        }

        if ((obj.reason != null && obj.reason !== '')) {
          w.uint32(42)
          w.string(obj.reason)
        }

        if ((obj.by != null && obj.by !== '')) {
          w.uint32(50)
          w.string(obj.by)
        }

        if (obj.offences != null && obj.offences.length > 0) {
          for (const value of obj.offences) {
            w.uint32(56)
            w.uint64Number(value)
          }
        }

        if ((obj.group != null && obj.group !== '')) {
          w.uint32(66)
          w.string(obj.group)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          since: 0,
          until: 0,
          level: 0,
          automatic: false,
          reason: '',
          by: '',
          offences: [],
          group: ''
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.since = reader.uint64Number()
              break
            }
            case 2: {
              obj.until = reader.uint64Number()
              break
            }
            case 3: {
              obj.level = reader.uint32()
              break
            }
            case 4: {
              obj.automatic = reader.bool()
              break
            }
            case 5: {
              obj.reason = reader.string()
              break
            }
            case 6: {
              obj.by = reader.string()
              break
            }
            case 7: {
              if (opts.limits?.offences != null && obj.offences.length === opts.limits.offences) {
                throw new MaxLengthError('Decode error - repeated field "offences" had too many elements')
              }

              obj.offences.push(reader.uint64Number())
              break
            }
            case 8: {
              obj.group = reader.string()
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
          offences: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.since`,
                value: reader.uint64Number()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.until`,
                value: reader.uint64Number()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.level`,
                value: reader.uint32()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.automatic`,
                value: reader.bool()
              }
              break
            }
            case 5: {
              yield {
                field: `${prefix}.reason`,
                value: reader.string()
              }
              break
            }
            case 6: {
              yield {
                field: `${prefix}.by`,
                value: reader.string()
              }
              break
            }
            case 7: {
              if (opts.limits?.offences != null && obj.offences === opts.limits.offences) {
                throw new MaxLengthError('Streaming decode error - repeated field "offences" had too many elements')
              }

              yield {
                field: `${prefix}.offences[]`,
                index: obj.offences,
                value: reader.uint64Number()
              }

              obj.offences++

              break
            }
            case 8: {
              yield {
                field: `${prefix}.group`,
                value: reader.string()
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

  export interface SentenceRecordSinceFieldEvent {
    field: '$.since'
    value: number
  }

  export interface SentenceRecordUntilFieldEvent {
    field: '$.until'
    value: number
  }

  export interface SentenceRecordLevelFieldEvent {
    field: '$.level'
    value: number
  }

  export interface SentenceRecordAutomaticFieldEvent {
    field: '$.automatic'
    value: boolean
  }

  export interface SentenceRecordReasonFieldEvent {
    field: '$.reason'
    value: string
  }

  export interface SentenceRecordByFieldEvent {
    field: '$.by'
    value: string
  }

  export interface SentenceRecordOffencesFieldEvent {
    field: '$.offences[]'
    index: number
    value: number
  }

  export interface SentenceRecordGroupFieldEvent {
    field: '$.group'
    value: string
  }

  export function encode (obj: Partial<SentenceRecord>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, SentenceRecord.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<SentenceRecord>): SentenceRecord {
    return decodeMessage(buf, SentenceRecord.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<SentenceRecord>): Generator<SentenceRecordSinceFieldEvent | SentenceRecordUntilFieldEvent | SentenceRecordLevelFieldEvent | SentenceRecordAutomaticFieldEvent | SentenceRecordReasonFieldEvent | SentenceRecordByFieldEvent | SentenceRecordOffencesFieldEvent | SentenceRecordGroupFieldEvent> {
    return streamMessage(buf, SentenceRecord.codec(), opts)
  }
}
