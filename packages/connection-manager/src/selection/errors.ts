import { PeninError, printable } from '@penin/interface'

/** Why a database of countries or networks can't be used. */
export type GeoDatabaseProblem = 'unreadable' | 'too-large' | 'corrupt' | 'lacks-data'

const WORDS: Record<GeoDatabaseProblem, string> = {
  unreadable: 'it cannot be read',
  'too-large': 'it is larger than any such database',
  corrupt: 'it is no MMDB file, or a damaged one',
  'lacks-data': 'it does not hold the data it is given for'
}

/**
 * The MMDB file given for country or ASN limits can't be used. The node doesn't start: limits that are asked for and not
 * kept would be worse.
 */
export class GeoDatabaseError extends PeninError {
  static override readonly name = 'GeoDatabaseError'

  constructor(
    readonly file: string,
    readonly kind: 'country' | 'asn',
    readonly problem: GeoDatabaseProblem,
    options?: ErrorOptions
  ) {
    super(
      `${kind} database ${printable(file, 300)}: ${WORDS[problem]}; give another file or leave the limit out`,
      options
    )
  }
}
