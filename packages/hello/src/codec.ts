import { printable } from '@penin/interface'
import { HelloInvalidError, HelloMalformedError } from './errors.js'
import { Hello as HelloMessage } from './pb/hello.js'

/** A hello message is at most this many bytes on the wire, its length prefix not counted. */
export const MAX_HELLO_BYTES = 8192

/** Strings of one kind of capability, at most. */
export const MAX_CAPABILITIES = 64

/** Bytes of one capability string, at most. */
export const MAX_CAPABILITY_BYTES = 64

const MAX_PROFILE_BYTES = 32
const MAX_AGENT_BYTES = 128

/** A reason is a word or three. */
const SURPLUS_PATTERN = /^[a-z0-9-]{0,64}$/

/** The hello protocol's version that this code speaks. */
export const HELLO_VERSION = 1

/** Names a network: 1 to 64 characters, since it becomes part of protocol names. */
export const NETWORK_ID_PATTERN = /^[A-Za-z0-9._-]{1,64}$/

/** What a peer offers to others, by kind. */
export interface Capabilities {
  agents: string[]
  tools: string[]
  resources: string[]
  prompts: string[]
}

/** The kinds of {@link Capabilities}. */
export const CAPABILITY_KINDS = ['agents', 'tools', 'resources', 'prompts'] as const satisfies Array<keyof Capabilities>

/** What a peer says of itself. Nothing of it is proven, but for the connection it came on. */
export interface Hello extends Capabilities {
  networkId: string
  version: number
  profile: string
  agentVersion: string
  features: bigint
  /**
   * Why it has no lasting place for us, in kebab-case, such as `too-many-connections`; empty or absent if it has. We may ask it
   * for other peers, and should then go.
   */
  surplus?: string
}

const LIMITS = Object.fromEntries(CAPABILITY_KINDS.map((kind) => [kind, MAX_CAPABILITIES]))

/**
 * @throws HelloInvalidError naming the field that breaks a limit
 */
export function encodeHello(hello: Hello): Uint8Array {
  const problem = findProblem(hello)
  if (problem != null) {
    throw new HelloInvalidError(problem.field, problem.text)
  }
  const bytes = HelloMessage.encode({ ...hello, surplus: hello.surplus ?? '' })
  if (bytes.byteLength > MAX_HELLO_BYTES) {
    throw new HelloInvalidError('capabilities', `${bytes.byteLength} bytes in all, at most ${MAX_HELLO_BYTES} fit`)
  }
  return bytes
}

/**
 * @throws HelloMalformedError for anything that is not a hello within its limits
 */
export function decodeHello(bytes: Uint8Array): Hello {
  if (bytes.byteLength > MAX_HELLO_BYTES) {
    throw new HelloMalformedError(`${bytes.byteLength} bytes`)
  }
  let hello: Hello
  try {
    const { surplus, ...rest } = HelloMessage.decode(bytes, { limits: LIMITS })
    hello = surplus === '' ? rest : { ...rest, surplus }
  } catch (error) {
    throw new HelloMalformedError(printable((error as Error).message), { cause: error })
  }
  const problem = findProblem(hello)
  if (problem != null) {
    throw new HelloMalformedError(`${problem.field}: ${problem.text}`)
  }
  return hello
}

function findProblem(hello: Hello): { field: string; text: string } | undefined {
  if (!NETWORK_ID_PATTERN.test(hello.networkId)) {
    return { field: 'networkId', text: 'must be 1 to 64 characters of A-Z a-z 0-9 . _ -' }
  }
  if (hello.version < 1) {
    return { field: 'version', text: 'must be at least 1' }
  }
  if (byteLength(hello.profile) > MAX_PROFILE_BYTES) {
    return { field: 'profile', text: `at most ${MAX_PROFILE_BYTES} bytes` }
  }
  if (byteLength(hello.agentVersion) > MAX_AGENT_BYTES) {
    return { field: 'agentVersion', text: `at most ${MAX_AGENT_BYTES} bytes` }
  }
  if (!SURPLUS_PATTERN.test(hello.surplus ?? '')) {
    return { field: 'surplus', text: 'at most 64 characters of a-z 0-9 -' }
  }
  for (const kind of CAPABILITY_KINDS) {
    const list = hello[kind]
    if (list.length > MAX_CAPABILITIES) {
      return { field: kind, text: `at most ${MAX_CAPABILITIES} entries` }
    }
    if (list.some((entry) => byteLength(entry) > MAX_CAPABILITY_BYTES)) {
      return { field: kind, text: `at most ${MAX_CAPABILITY_BYTES} bytes an entry` }
    }
  }
  return undefined
}

function byteLength(text: string): number {
  return Buffer.byteLength(text)
}
