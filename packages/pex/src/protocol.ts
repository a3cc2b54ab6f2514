import type { SingleFramesInit } from '@penin/interface'
import { MAX_PEX_BYTES } from './codec.js'
import { PexMalformedError } from './errors.js'

/** The protocol's name. */
export const PEX_PROTOCOL = '/penin/pex/1.0.0'

/** What a message of the protocol may be on the wire: one each way. */
export const PEX_FRAMES: SingleFramesInit = {
  maxBytes: MAX_PEX_BYTES,
  onMalformed: (problem, fault) => new PexMalformedError(fault, problem)
}
