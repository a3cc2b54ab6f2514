import { PeninError, printable } from '@penin/interface'

/** An exported address book can't be read; `path` says where in it, and nothing of it was taken. */
export class AddressBookMalformedError extends PeninError {
  static override readonly name = 'AddressBookMalformedError'

  constructor(
    /** Such as `entries[3].addresses[0].text`; empty for the whole. */
    readonly path: string,
    readonly expected: string,
    options?: ErrorOptions
  ) {
    super(`not an address book: ${path === '' ? 'the whole' : printable(path)} should be ${expected}`, options)
  }
}

/** A newer program has exported the address book. */
export class AddressBookTooNewError extends PeninError {
  static override readonly name = 'AddressBookTooNewError'

  constructor(
    readonly found: number,
    readonly supported: number
  ) {
    super(`the address book has schema ${found}, this program knows up to ${supported}; import it with a newer one`)
  }
}
