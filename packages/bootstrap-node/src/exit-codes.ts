import { printable } from '@penin/interface'

/** What the exit code of `penin-bootstrap` and of all `penin` commands says. */
export const EXIT = {
  /** Done, or stopped as asked. */
  ok: 0,
  /** Something nobody foresaw. */
  unexpected: 1,
  /** The command line or the configuration can't be used. */
  usage: 2,
  /** The data directory is in use by another process, damaged, or can't be written. */
  store: 3,
  /** An address can't be listened on. */
  listen: 4,
  /** No node runs where one was asked. */
  noNode: 5
} as const

/** For the end of a `--help`. */
export const EXIT_CODES_HELP = `Exit codes:
  0  stopped as asked
  1  unexpected error
  2  bad command line or configuration
  3  data directory in use by another process, damaged, or not writable
  4  cannot listen on an address
  130, 143  stopped at once by a second SIGINT or SIGTERM`

const CODES: ReadonlyArray<[pattern: RegExp, code: number]> = [
  [/^(Config|AdminTokenRequired|InvalidArgument|HelloInvalid|Commander)Error$|^LegacyState\w+Error$/, EXIT.usage],
  [/^(Datastore|Identity)\w+Error$|^(SchemaTooNew|NotADirectory|AdminFile)Error$/, EXIT.store],
  [/^(Admin)?ListenError$/, EXIT.listen]
]

/** The exit code for an error that ended the program. */
export function exitCodeOf(error: unknown): number {
  const { name = '', cause, exitCode } = (error ?? {}) as Partial<Error> & { exitCode?: unknown }
  if (name === 'ListenError' && (cause as Error | undefined)?.name === 'InvalidMultiaddrError') {
    return EXIT.usage // the address is none: no use in trying again on another machine
  }
  if (typeof exitCode === 'number' && name !== 'CommanderError') {
    return exitCode
  }
  return CODES.find(([pattern]) => pattern.test(name))?.[1] ?? EXIT.unexpected
}

/** An error in one line that is safe to print. */
export function describeError(error: unknown): string {
  const { name = 'Error', message = String(error) } = (error ?? {}) as Partial<Error>
  const text = message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ')
  return printable(text === '' ? name : text, 1_000)
}
