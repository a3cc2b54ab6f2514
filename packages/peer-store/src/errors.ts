import { PeninError } from '@penin/interface'

/** Another process, or another store of this process, has the database open. Nothing was changed. */
export class DatastoreLockedError extends PeninError {
  static override readonly name = 'DatastoreLockedError'

  constructor(
    /** The folder of the database. */
    readonly path: string,
    /** The process that holds it, where its note could be read and it is alive. */
    readonly pid?: number,
    options?: ErrorOptions
  ) {
    const holder = pid === undefined ? 'another process' : pid === process.pid ? 'this process' : `process ${pid}`
    super(`${path} is already open in ${holder}; stop that node or give this one its own data folder`, options)
  }
}

/** The file system is mounted read-only. */
export class DatastoreReadOnlyError extends PeninError {
  static override readonly name = 'DatastoreReadOnlyError'

  constructor(
    readonly path: string,
    options?: ErrorOptions
  ) {
    super(`${path} is on a read-only file system; remount it writable or choose another data folder`, options)
  }
}

/** The user that runs the program may not write there. */
export class DatastorePermissionError extends PeninError {
  static override readonly name = 'DatastorePermissionError'

  constructor(
    readonly path: string,
    options?: ErrorOptions
  ) {
    super(`no permission to use ${path}; make it owned and writable by the user that runs the node`, options)
  }
}

/** No space, no inodes or no quota left. */
export class DatastoreFullError extends PeninError {
  static override readonly name = 'DatastoreFullError'

  constructor(
    readonly path: string,
    options?: ErrorOptions
  ) {
    super(`no space left for ${path}; free some space or raise the quota, then start again`, options)
  }
}

/** A newer program wrote the database. It was closed again and no record was changed. */
export class SchemaTooNewError extends PeninError {
  static override readonly name = 'SchemaTooNewError'

  constructor(
    readonly path: string,
    /** The schema version of the database. */
    readonly found: number,
    /** The newest schema version that this program knows. */
    readonly supported: number
  ) {
    super(
      `${path} has schema ${found}, this program knows up to ${supported}; update the program or choose another data folder`
    )
  }
}

/** The database is damaged and could not be replaced by an empty one; `cause` says why not. */
export class DatastoreCorruptError extends PeninError {
  static override readonly name = 'DatastoreCorruptError'

  constructor(
    readonly path: string,
    /** What is wrong with the database. */
    readonly damage: string,
    options?: ErrorOptions
  ) {
    super(
      `${path} is damaged (${damage}) and could not be replaced by an empty one; move or delete that folder by hand`,
      options
    )
  }
}

/** The database could not be opened for a reason that has no class of its own; `reason` and `cause` carry it. */
export class DatastoreOpenError extends PeninError {
  static override readonly name = 'DatastoreOpenError'

  constructor(
    readonly path: string,
    readonly reason: string,
    options?: ErrorOptions
  ) {
    super(`could not open ${path}: ${reason}; mend that, or choose another data folder`, options)
  }
}

/** Something that is not a folder stands where a folder should be. */
export class NotADirectoryError extends PeninError {
  static override readonly name = 'NotADirectoryError'

  constructor(
    readonly path: string,
    options?: ErrorOptions
  ) {
    super(`${path} is not a folder; move it away or choose another data folder`, options)
  }
}

/** A record could not be read for a reason other than that it is absent or damaged. */
export class DatastoreReadError extends PeninError {
  static override readonly name = 'DatastoreReadError'

  constructor(
    readonly path: string,
    readonly reason: string,
    options?: ErrorOptions
  ) {
    super(`could not read from ${path}: ${reason}; check the disk`, options)
  }
}

/** A write was refused for a reason that lies in the program, not in the disk. */
export class DatastoreWriteError extends PeninError {
  static override readonly name = 'DatastoreWriteError'

  constructor(
    readonly path: string,
    readonly reason: string,
    options?: ErrorOptions
  ) {
    super(`could not write to ${path}: ${reason}`, options)
  }
}

/** The identity file is no libp2p private key. It was left as it is: a lost key can't be made again. */
export class IdentityMalformedError extends PeninError {
  static override readonly name = 'IdentityMalformedError'

  constructor(
    readonly path: string,
    /** What is wrong with it; never a byte of it. */
    readonly why: string
  ) {
    super(`${path} is not a usable identity: ${why}; restore it from a backup, or move it away to get a new identity`)
  }
}

/** The identity file holds a key of another type than Ed25519. */
export class IdentityKeyTypeError extends PeninError {
  static override readonly name = 'IdentityKeyTypeError'

  constructor(
    readonly path: string,
    /** `RSA`, `secp256k1` or `ECDSA`. */
    readonly found: string
  ) {
    super(`${path} holds an ${found} key, only Ed25519 is supported; move it away to get a new identity`)
  }
}

/** The identity file is there but can't be read: no permission, not a regular file, a symbolic link to nowhere. */
export class IdentityUnreadableError extends PeninError {
  static override readonly name = 'IdentityUnreadableError'

  constructor(
    readonly path: string,
    readonly why: string,
    options?: ErrorOptions
  ) {
    super(`${path} can't be read: ${why}; mend that, the identity was not replaced`, options)
  }
}

/** There is no identity file yet and none could be written; `code` is the system's error code. */
export class IdentityUnwritableError extends PeninError {
  static override readonly name = 'IdentityUnwritableError'

  constructor(
    readonly path: string,
    readonly code: string,
    options?: ErrorOptions
  ) {
    super(`${path} can't be created (${code}); make its folder writable or choose another data folder`, options)
  }
}
