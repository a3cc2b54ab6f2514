/**
 * `/penin/pex/1.0.0`: peers tell each other of peers, by signed records only.
 *
 * @packageDocumentation
 */
export { AskSchedule } from './ask-schedule.js'
export { type AskOptions, type AskResult } from './asker.js'
export { AskerLimits, type Verdict } from './asker-limits.js'
export {
  decodeAnswer,
  decodeRequest,
  encodeAnswer,
  encodeRequest,
  MAX_PEX_BYTES,
  MAX_RECORD_BYTES,
  MAX_RECORDS,
  type Request
} from './codec.js'
export * from './contracts.js'
export { type AskFailure, type PexStats, type RecordDrop, type Refusal } from './counters.js'
export * from './errors.js'
export * from './limits.js'
export { pex, type Pex, type PexComponents, type PexInit } from './pex.js'
export { PEX_PROTOCOL } from './protocol.js'
export { MAX_SEQ } from './signed-record.js'
