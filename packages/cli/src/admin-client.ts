import { resolve } from 'node:path'
import { ADMIN_FILE, ADMIN_TOKEN_VARIABLE, readAdminFile, type ParsedFlags } from '@penin/bootstrap-node'
import { deadline, systemClock, type Clock } from '@penin/interface'
import type { BanJson, Change, Explanation, NodeStats, PeerInfoJson, PeninNode, ReputationSnapshot } from '@penin/node'
import { NoNodeError, NodeAnswerError, PeerChoiceError, UsageError } from './errors.js'

/** Longer than the longest dial that a node can be told to make, 120 s. In milliseconds. */
const TIMEOUT = 130_000

/** Fewer characters of an id than this are no name for a peer. */
const MIN_ABBREVIATION = 4

/** No Ed25519 peer id is shorter. */
const FULL_ID_LENGTH = 46

/** Which peers are meant, in the words of the endpoint. */
export interface PeerQuery {
  connected?: boolean
  alive?: boolean
  banned?: boolean
  source?: string
  tag?: string
  /** `tools`, or `tools:search`. */
  capability?: string
  sort?: string
  limit?: string
}

/** A Python node whose beacons are heard; nothing that it says is proven, and nobody can connect to it. */
export type LegacyPeerJson = ReturnType<PeninNode['legacy']['peers']>[number]

/** A ban in force: of a peer by its id, or of an IP group. */
export interface ListedBan extends BanJson {
  kind: 'peer' | 'group'
  key: string
}

/** How a running node is found. */
export interface AdminTarget {
  url: string
  token?: string
  /** The data directory or URL, for messages. */
  where: string
}

/**
 * Finds a node's admin endpoint: by `--admin URL`, or by what the node has left in its data directory.
 *
 * @param dataDir used unless `--admin` is given
 * @throws NoNodeError, UsageError, AdminFileError
 */
export async function findAdmin(
  flags: ParsedFlags,
  dataDir: string,
  env: NodeJS.ProcessEnv = process.env
): Promise<AdminTarget> {
  const token = (flags['token'] as string | undefined) ?? env[ADMIN_TOKEN_VARIABLE]
  const given = flags['admin'] as string | undefined
  if (given != null) {
    const url = /^https?:\/\//.test(given) ? given : `http://${given}`
    if (!URL.canParse(url)) {
      throw new UsageError('--admin: expected a URL such as http://127.0.0.1:9090')
    }
    return { url: url.replace(/\/+$/, ''), where: given, ...(token == null ? {} : { token }) }
  }
  const folder = resolve(dataDir)
  const file = await readAdminFile(folder)
  if (file == null) {
    throw new NoNodeError(folder, `it has no ${ADMIN_FILE}; start one with penin start, or name another --data-dir`)
  }
  return { url: file.url, token: token ?? file.token, where: folder }
}

/** Asks a running node. */
export class AdminClient {
  constructor(
    private readonly target: AdminTarget,
    private readonly clock: Clock = systemClock
  ) {}

  async peers(query: PeerQuery = {}): Promise<PeerInfoJson[]> {
    const text = new URLSearchParams(
      Object.entries(query).map(([name, value]): [string, string] => [name, String(value)])
    ).toString()
    const { peers } = (await this.#ask('GET', `/peers${text === '' ? '' : `?${text}`}`)) as { peers: PeerInfoJson[] }
    return peers
  }

  async legacyPeers(): Promise<LegacyPeerJson[]> {
    return ((await this.#ask('GET', '/legacy')) as { peers: LegacyPeerJson[] }).peers
  }

  async stats(): Promise<NodeStats> {
    return (await this.#ask('GET', '/stats')) as NodeStats
  }

  async explain(id: string): Promise<Explanation> {
    return (await this.#ask('GET', `/explain/${encodeURIComponent(id)}`)) as Explanation
  }

  async add(address: string, expectedPublicKey?: string): Promise<PeerInfoJson> {
    const body = { address, ...(expectedPublicKey == null ? {} : { expectedPublicKey }) }
    return (await this.#ask('POST', '/peers', body)) as PeerInfoJson
  }

  async remove(id: string): Promise<{ removed: string }> {
    return (await this.#ask('DELETE', `/peers/${encodeURIComponent(id)}`)) as { removed: string }
  }

  async bans(): Promise<ListedBan[]> {
    return ((await this.#ask('GET', '/bans')) as { bans: ListedBan[] }).bans
  }

  async ban(id: string, options: { duration?: number; reason?: string }): Promise<ListedBan> {
    return (await this.#ask('PUT', `/bans/${encodeURIComponent(id)}`, options)) as ListedBan
  }

  async unban(key: string): Promise<{ key: string; unbanned: boolean }> {
    return (await this.#ask('DELETE', `/bans/${encodeURIComponent(key)}`)) as { key: string; unbanned: boolean }
  }

  async trust(id: string, isTrusted: boolean): Promise<{ id: string; trusted: boolean }> {
    const path = `/peers/${encodeURIComponent(id)}/trust`
    return (await this.#ask(isTrusted ? 'PUT' : 'DELETE', path)) as { id: string; trusted: boolean }
  }

  async history(id: string): Promise<{ id: string; history: Change[] }> {
    return (await this.#ask('GET', `/peers/${encodeURIComponent(id)}/history`)) as { id: string; history: Change[] }
  }

  async reputation(): Promise<ReputationSnapshot> {
    return (await this.#ask('GET', '/reputation')) as ReputationSnapshot
  }

  /** The banned peer or IP group that is meant: an id may be cut as for {@link AdminClient.complete}. */
  async completeBan(given: string): Promise<string> {
    const keys = (await this.bans()).map(({ key }) => key)
    return keys.includes(given) ? given : this.complete(given)
  }

  /**
   * The id that begins or ends with what was given; a full id is taken as it is.
   *
   * @throws PeerChoiceError, UsageError
   */
  async complete(given: string): Promise<string> {
    const text = given.replace(/^(…|\.\.\.)/, '')
    if (text.length >= FULL_ID_LENGTH) {
      return text
    }
    if (text.length < MIN_ABBREVIATION) {
      throw new UsageError(`give at least ${MIN_ABBREVIATION} characters of the id`)
    }
    const ids = (await this.peers()).map(({ id }) => id)
    const fitting = ids.filter((id) => id.startsWith(text) || id.endsWith(text))
    const [only] = fitting
    if (only == null || fitting.length > 1) {
      throw new PeerChoiceError(text, fitting)
    }
    return only
  }

  async #ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const { url, token, where } = this.target
    const limit = deadline(this.clock, TIMEOUT)
    let answer: unknown
    let response: Response
    try {
      response = await fetch(url + path, {
        method,
        signal: limit.signal,
        redirect: 'error', // the token is for this endpoint only
        headers: {
          ...(token == null ? {} : { authorization: `Bearer ${token}` }),
          ...(body == null ? {} : { 'content-type': 'application/json' })
        },
        ...(body == null ? {} : { body: JSON.stringify(body) })
      })
      answer = await response.json()
    } catch (error) {
      throw new NoNodeError(where, explain(error, url), { cause: error })
    } finally {
      limit.clear()
    }
    if (response.status >= 400) {
      throw answerError(response.status, answer, where)
    }
    return answer
  }
}

function explain(error: unknown, url: string): string {
  const { name, message, cause } = error as Error & { cause?: { code?: string } }
  if (name === 'SyntaxError') {
    return `what answers at ${url} is no node`
  }
  if (name === 'TimeoutError') {
    return `no answer from ${url} in time`
  }
  return `${url} cannot be reached (${cause?.code ?? message})`
}

function answerError(status: number, answer: unknown, where: string): Error {
  const { name, message } = (answer as { error?: Partial<Error> }).error ?? {}
  if (typeof name !== 'string' || typeof message !== 'string') {
    return new NoNodeError(where, `the answer is not that of a node (status ${status})`)
  }
  return new NodeAnswerError(status, name, message)
}
