import { PEER_SOURCES, type PeerSource } from '@penin/interface'
import { peerInfoToJson, type PeerFilter, type PeninNode } from '@penin/node'
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
  const connected = query.get('connected')
  if (connected != null && connected !== 'true' && connected !== 'false') {
    throw new BadRequestError('connected: expected true or false')
  }
  const source = query.get('source')
  if (source != null && !PEER_SOURCES.includes(source as PeerSource)) {
    throw new BadRequestError(`source: expected one of ${PEER_SOURCES.join(', ')}`)
  }
  return {
    ...(connected == null ? {} : { connected: connected === 'true' }),
    ...(source == null ? {} : { source: source as PeerSource })
  }
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
