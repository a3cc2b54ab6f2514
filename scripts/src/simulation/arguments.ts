import { parseArgs } from 'node:util'

/** The seed of everything that is printed in the documents. */
const SEED = 7

/** What the command line asks for. */
export type Command =
  | { action: 'help' }
  | { action: 'overlay'; seed: number; json: boolean }
  | { action: 'eclipse'; seed: number; json: boolean; document: 'leave' | 'write' | 'check' }
  | { action: 'reject'; problem: string }

const options = {
  seed: { type: 'string' },
  json: { type: 'boolean' },
  write: { type: 'boolean' },
  check: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' }
} as const

/** The switches that a simulation has. */
interface Flags {
  json?: boolean
  write?: boolean
  check?: boolean
}

type Parsed = ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>

/** Reads the command line. */
export function parseArguments(args: readonly string[]): Command {
  const parsed = read(args[0] === '--' ? args.slice(1) : args) // pnpm hands a `--` on
  if (typeof parsed === 'string') return reject(parsed)
  const { values, positionals } = parsed
  const [name, ...more] = positionals
  if (values.help === true) return { action: 'help' }
  const seed = values.seed == null ? SEED : Number(values.seed)
  if (!Number.isSafeInteger(seed) || seed < 0) return reject(`--seed needs a whole number; got ${values.seed}`)
  if (more.length > 0) return reject(`one simulation at a time; got ${positionals.join(', ')}`)
  return simulation(name, seed, values)
}

function simulation(
  name: string | undefined,
  seed: number,
  { json = false, write = false, check = false }: Flags
): Command {
  if (write && check) return reject('--write or --check, not both')
  if ((write || check) && seed !== SEED) return reject('the table of the document is that of the default seed')
  switch (name) {
    case 'overlay':
      return write || check ? reject('overlay is not in a document') : { action: 'overlay', seed, json }
    case 'eclipse':
      return { action: 'eclipse', seed, json, document: write ? 'write' : check ? 'check' : 'leave' }
    default:
      return reject(name == null ? 'which simulation?' : `unknown simulation: ${name}`)
  }
}

function read(args: readonly string[]): Parsed | string {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    return (error as Error).message
  }
}

function reject(problem: string): Command {
  return { action: 'reject', problem }
}
