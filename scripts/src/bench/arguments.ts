import { parseArgs } from 'node:util'

/** More rounds than this are a typing error. */
const MAX_ROUNDS = 1000

/** What the command line asks for. */
export type Command =
  | { action: 'help' }
  | { action: 'list' }
  | { action: 'run'; names: string[]; json?: string; rounds?: number; check: boolean }
  | { action: 'reject'; problem: string; showNames: boolean }

const options = {
  json: { type: 'string' },
  rounds: { type: 'string' },
  check: { type: 'boolean' },
  list: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' }
} as const

/**
 * Reads the command line.
 *
 * @param known the names of all rows
 * @param usual those that are run when no name is given. @default all
 */
export function parseArguments(
  args: readonly string[],
  known: readonly string[],
  usual: readonly string[] = known
): Command {
  const parsed = read(args[0] === '--' ? args.slice(1) : args) // pnpm hands a `--` on
  if (typeof parsed === 'string') return reject(parsed)
  const { values, positionals } = parsed
  if (values.help === true) return { action: 'help' }
  if (values.list === true) return { action: 'list' }
  const unknown = positionals.filter((name) => !known.includes(name))
  if (unknown.length > 0) return reject(`unknown bench: ${unknown.join(', ')}`, true)
  if (values.json === '') return reject('--json needs the path of a file')
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds)
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds >= 1 && rounds <= MAX_ROUNDS)) {
    return reject(`--rounds needs a whole number, 1 to ${MAX_ROUNDS}; got ${values.rounds}`)
  }
  return {
    action: 'run',
    names: positionals.length === 0 ? [...usual] : known.filter((name) => positionals.includes(name)),
    ...(values.json === undefined ? {} : { json: values.json }),
    ...(rounds === undefined ? {} : { rounds }),
    check: values.check === true
  }
}

type Parsed = ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>

function read(args: readonly string[]): Parsed | string {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    return (error as Error).message
  }
}

function reject(problem: string, showNames = false): Command {
  return { action: 'reject', problem, showNames }
}
