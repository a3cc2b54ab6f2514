import { PEER_SOURCES, type PeerSource } from '@penin/interface'
import {
  banToJson,
  PEER_SORTS,
  peerInfoToJson,
  type CapabilityKind,
  type PeerFilter,
  type PeerSort,
  type PeninNode
} from '@penin/node'
import { BadRequestError, MethodNotAllowedError, NoSuchRouteError } from './errors.js'

/** An answer: the HTTP status and what becomes its JSON body. */
export interface AdminReply {
  status: number
  body: unknown
}

/** A request that has passed the guard. */
export interface AdminRequest {
  method: string
  path: string
  query: URLSearchParams
  /** Reads the body as a JSON object. */
  body: () => Promise<Record<string, unknown>>
  /** Aborts when the asker has gone or the endpoint stops. */
  signal: AbortSignal
}

type Handler = (node: PeninNode, request: AdminRequest, argument: string) => AdminReply | Promise<AdminReply>

interface Route {
  path: RegExp
  methods: Readonly<Record<string, Handler>>
}

const ROUTES: readonly Route[] = [
  { path: /^\/healthz$/, methods: { GET: health } },
  { path: /^\/readyz$/, methods: { GET: readiness } },
  { path: /^\/peers$/, methods: { GET: listPeers, POST: addPeer } },
  { path: /^\/peers\/([^/]+)$/, methods: { GET: getPeer, DELETE: removePeer } },
  { path: /^\/peers\/([^/]+)\/history$/, methods: { GET: history } },
  { path: /^\/peers\/([^/]+)\/trust$/, methods: { PUT: trust(true), DELETE: trust(false) } },
  { path: /^\/legacy$/, methods: { GET: (node) => ok({ peers: node.legacy.peers() }) } },
  { path: /^\/bans$/, methods: { GET: listBans } },
  { path: /^\/bans\/([^/]+)$/, methods: { PUT: ban, DELETE: unban } },
  { path: /^\/reputation$/, methods: { GET: (node) => ok(node.peers.export()) } },
  { path: /^\/stats\/peers$/, methods: { GET: (node) => ok(node.peers.stats()) } },
  { path: /^\/stats$/, methods: { GET: (node) => ok(node.stats()) } },
  { path: /^\/explain\/([^/]+)$/, methods: { GET: (node, _request, id) => ok(node.peers.explain(id)) } }
]

/**
 * Finds who answers a request, and lets it.
 *
 * @throws NoSuchRouteError, MethodNotAllowedError, BadRequestError, and what the node throws
 */
export async function route(node: PeninNode, request: AdminRequest): Promise<AdminReply> {
  for (const { path, methods } of ROUTES) {
    const match = path.exec(request.path)
    if (match == null) {
      continue
    }
    const name = request.method === 'HEAD' ? 'GET' : request.method
    const handler = Object.hasOwn(methods, name) ? methods[name] : undefined
    if (handler == null) {
      throw new MethodNotAllowedError(request.method, Object.keys(methods))
    }
    return handler(node, request, decode(match[1] ?? ''))
  }
  throw new NoSuchRouteError(request.path)
}

function health(node: PeninNode): AdminReply {
  return node.isRunning ? ok({ status: 'ok' }) : unavailable('the node has stopped')
}

/** A bridge is there to be found: it is ready before anybody has come. Others without a peer are of no use yet. */
function readiness(node: PeninNode): AdminReply {
  if (!node.isRunning) {
    return unavailable('the node has stopped')
  }
  if (node.config.listen.length > 0 && node.addresses.length === 0) {
    return unavailable('the node does not listen')
  }
  const { connected } = node.stats().peers
  if (connected === 0 && node.config.profile !== 'bridge') {
    return unavailable('the node has no peer yet')
  }
  return ok({ status: 'ok', peers: connected })
}

function listPeers(node: PeninNode, { query }: AdminRequest): AdminReply {
  return ok({ peers: node.peers.list(readFilter(query)).map(peerInfoToJson) })
}

function readFilter(query: URLSearchParams): PeerFilter {
  const connected = readFlag(query, 'connected')
  const alive = readFlag(query, 'alive')
  const banned = readFlag(query, 'banned')
  const source = readChoice<PeerSource>(query, 'source', PEER_SOURCES)
  const sort = readChoice<PeerSort>(query, 'sort', PEER_SORTS)
  const capability = readCapability(query)
  const tag = query.get('tag')
  const limit = query.get('limit')
  return {
    ...(connected == null ? {} : { connected }),
    ...(alive == null ? {} : { alive }),
    ...(banned == null ? {} : { banned }),
    ...(source == null ? {} : { source }),
    ...(sort == null ? {} : { sort }),
    ...(capability == null ? {} : { capability }),
    ...(tag == null ? {} : { tag }),
    ...(limit == null ? {} : { limit: Number(limit === '' ? NaN : limit) })
  }
}

function readFlag(query: URLSearchParams, name: string): boolean | undefined {
  const value = query.get(name)
  if (value != null && value !== 'true' && value !== 'false') {
    throw new BadRequestError(`${name}: expected true or false`)
  }
  return value == null ? undefined : value === 'true'
}

function readChoice<T extends string>(query: URLSearchParams, name: string, choices: readonly T[]): T | undefined {
  const value = query.get(name)
  const choice = choices.find((candidate) => candidate === value)
  if (value != null && choice == null) {
    throw new BadRequestError(`${name}: expected one of ${choices.join(', ')}`)
  }
  return choice
}

const KINDS: readonly CapabilityKind[] = ['agents', 'tools', 'resources', 'prompts']

/** `tools`, or with a name `tools:search`. */
function readCapability(query: URLSearchParams): PeerFilter['capability'] {
  const text = query.get('capability')
  if (text == null) {
    return undefined
  }
  const [given = '', ...name] = text.split(':')
  const kind = KINDS.find((candidate) => candidate === given)
  if (kind == null) {
    throw new BadRequestError(`capability: expected KIND or KIND:NAME, KIND one of ${KINDS.join(', ')}`)
  }
  return name.length === 0 ? { kind } : { kind, name: name.join(':') }
}

function getPeer(node: PeninNode, _request: AdminRequest, id: string): AdminReply {
  return ok(peerInfoToJson(node.peers.get(id)))
}

async function addPeer(node: PeninNode, { body, signal }: AdminRequest): Promise<AdminReply> {
  const { address, expectedPublicKey, ...others } = await body()
  if (typeof address !== 'string') {
    throw new BadRequestError('address: expected a string such as /ip4/192.0.2.1/tcp/4001/p2p/12D3Koo…')
  }
  if (expectedPublicKey !== undefined && typeof expectedPublicKey !== 'string') {
    throw new BadRequestError('expectedPublicKey: expected a string of hexadecimal digits')
  }
  const [unknown] = Object.keys(others)
  if (unknown != null) {
    throw new BadRequestError('expected address and, perhaps, expectedPublicKey, and nothing else')
  }
  const options = expectedPublicKey === undefined ? { signal } : { signal, expectedPublicKey }
  return ok(peerInfoToJson(await node.peers.add(address, options)))
}

async function removePeer(node: PeninNode, _request: AdminRequest, id: string): Promise<AdminReply> {
  const peer = node.peers.get(id)
  await node.peers.remove(peer.id)
  return ok({ removed: peer.id.toString() })
}

function history(node: PeninNode, _request: AdminRequest, id: string): AdminReply {
  return ok({ id, history: node.peers.history(id) })
}

function trust(isTrusted: boolean): Handler {
  return (node, _request, id) => {
    node.peers.trust(id, isTrusted)
    return ok({ id, trusted: isTrusted })
  }
}

function listBans(node: PeninNode): AdminReply {
  return ok({ bans: node.peers.bans().map(({ kind, key, ban }) => ({ kind, key, ...banToJson(ban) })) })
}

async function ban(node: PeninNode, { body }: AdminRequest, id: string): Promise<AdminReply> {
  const { duration, reason, by, ...others } = await body()
  if (duration !== undefined && typeof duration !== 'number') {
    throw new BadRequestError('duration: expected milliseconds, or nothing for a ban for good')
  }
  const texts = { ...(reason === undefined ? {} : { reason }), ...(by === undefined ? {} : { by }) }
  const [bad] = Object.keys(texts).filter((name) => typeof texts[name as keyof typeof texts] !== 'string')
  if (bad != null) {
    throw new BadRequestError(`${bad}: expected a string`)
  }
  if (Object.keys(others).length > 0) {
    throw new BadRequestError('expected duration, reason and by at most, and nothing else')
  }
  const options = { ...(duration === undefined ? {} : { duration }), ...(texts as Record<string, string>) }
  return ok({ kind: 'peer', key: id, ...banToJson(node.peers.ban(id, options)) })
}

function unban(node: PeninNode, _request: AdminRequest, key: string): AdminReply {
  return ok({ key, unbanned: node.peers.unban(key) })
}

function ok(body: unknown): AdminReply {
  return { status: 200, body }
}

function unavailable(reason: string): AdminReply {
  return { status: 503, body: { status: 'unavailable', reason } }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new BadRequestError('the path is not well encoded')
  }
}
