import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { systemRng, type Rng } from '@penin/interface'
import type { PeninNode } from '@penin/node'
import { adminUrl, isLoopback, type AdminAddress } from './admin-address.js'
import { AdminGuard } from './admin-guard.js'
import { errorReply } from './admin-errors.js'
import { route, type AdminReply } from './admin-routes.js'
import { AdminListenError, AdminTokenRequiredError, BadRequestError, BodyTooLargeError } from './errors.js'

/** Fewest characters of a token that guards an endpoint others can reach. */
export const MIN_TOKEN_LENGTH = 16

/** The longest useful body, an address and a key, has under 2 KiB. */
export const MAX_BODY_BYTES = 65_536

/** A person, a monitor and a few probes need a handful; a process that leaks connections must not take all descriptors. */
export const MAX_ADMIN_CONNECTIONS = 64

/** Milliseconds for a request's headers, and for all of it: a slow sender must not hold a connection. */
const HEADERS_TIMEOUT = 5_000
const REQUEST_TIMEOUT = 10_000

/** Milliseconds of silence after which a connection is closed; longer than the longest dial, which is 120 s. */
const IDLE_TIMEOUT = 150_000

export interface AdminServerInit {
  node: PeninNode
  /** @default 127.0.0.1 */
  host?: string
  /** 0 picks a free one. @default 0 */
  port?: number
  /** What a caller must show. A fresh random one if absent, which only a loopback endpoint may do. */
  token?: string
  rng?: Rng
}

/**
 * A node's admin endpoint: its peers, its counters, whether it is well, and adding and removing peers, as JSON over HTTP.
 *
 * On a loopback address reading works without the token; everything that changes something, and everything but the two
 * probes on another address, needs it. See {@link AdminGuard} for what keeps web pages out.
 */
export class AdminServer {
  readonly token: string
  readonly #node: PeninNode
  readonly #address: AdminAddress
  #server: Server | undefined
  #stopping = new AbortController()

  /** @throws AdminTokenRequiredError */
  constructor(init: AdminServerInit) {
    this.#node = init.node
    this.#address = { host: init.host ?? '127.0.0.1', port: init.port ?? 0 }
    const { host } = this.#address
    if (!isLoopback(host) && (init.token ?? '').length < MIN_TOKEN_LENGTH) {
      throw new AdminTokenRequiredError(host, MIN_TOKEN_LENGTH)
    }
    this.token = init.token ?? Buffer.from((init.rng ?? systemRng).bytes(32)).toString('hex')
  }

  get isRunning(): boolean {
    return this.#server != null
  }

  /** Where this machine reaches the endpoint; undefined while it doesn't listen. */
  get url(): string | undefined {
    return this.#server?.listening === true ? adminUrl({ ...this.#address, port: this.#port(this.#server) }) : undefined
  }

  /** Listens. Again does nothing. @throws AdminListenError */
  async start(): Promise<void> {
    if (this.#server != null) {
      return
    }
    const server = createServer({
      headersTimeout: HEADERS_TIMEOUT,
      requestTimeout: REQUEST_TIMEOUT,
      connectionsCheckingInterval: 1_000
    })
    this.#server = server
    this.#stopping = new AbortController()
    server.maxConnections = MAX_ADMIN_CONNECTIONS
    server.timeout = IDLE_TIMEOUT
    const guard = new AdminGuard({
      loopback: isLoopback(this.#address.host),
      token: this.token,
      port: () => this.#port(server)
    })
    server.on('request', (request, response) => {
      void this.#serve(guard, request, response)
    })
    server.on('clientError', refuse)
    try {
      await listen(server, this.#address)
    } catch (error) {
      this.#server = undefined
      const { host, port } = this.#address
      throw new AdminListenError(`${host}:${port}`, (error as NodeJS.ErrnoException).code ?? 'error', { cause: error })
    }
  }

  /** Closes the endpoint and all its connections at once. Again does nothing. */
  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server?.listening === true) {
      this.#stopping.abort()
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve()
        })
        server.closeAllConnections()
      })
    }
  }

  /** Answers one request. Never rejects. */
  async #serve(guard: AdminGuard, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController()
    const abort = (): void => {
      gone.abort()
    }
    const stopping = this.#stopping.signal
    response.on('close', abort)
    response.on('error', abort)
    stopping.addEventListener('abort', abort)
    try {
      send(response, request, await this.#answer(guard, request, gone.signal))
    } catch (error) {
      send(response, request, errorReply(error), error)
    } finally {
      stopping.removeEventListener('abort', abort)
    }
  }

  async #answer(guard: AdminGuard, request: IncomingMessage, signal: AbortSignal): Promise<AdminReply> {
    const url = readUrl(request.url ?? '')
    guard.check(request, url.pathname)
    return route(this.#node, {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      body: () => readObject(request),
      signal
    })
  }

  #port(server: Server): number {
    return (server.address() as AddressInfo | null)?.port ?? this.#address.port
  }
}

async function listen(server: Server, { host, port }: AdminAddress): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      server.on('error', () => undefined) // of single accepts, when descriptors run out; the next ones may succeed
      resolve()
    })
  })
}

function readUrl(text: string): URL {
  const url = text.startsWith('/') ? URL.parse(`http://localhost${text}`) : null
  if (url == null) {
    throw new BadRequestError('the path is not readable')
  }
  return url
}

async function readObject(request: IncomingMessage): Promise<Record<string, unknown>> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) {
    throw new BodyTooLargeError(MAX_BODY_BYTES)
  }
  const chunks: Buffer[] = []
  let length = 0
  // `destroyOnReturn` would close the connection before the answer is sent.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.byteLength
    if (length > MAX_BODY_BYTES) {
      throw new BodyTooLargeError(MAX_BODY_BYTES)
    }
    chunks.push(chunk)
  }
  let value: unknown
  try {
    value = JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    throw new BadRequestError('the body is no JSON')
  }
  if (typeof value !== 'object' || value == null || Array.isArray(value)) {
    throw new BadRequestError('the body is no JSON object')
  }
  return value as Record<string, unknown>
}

function send(response: ServerResponse, request: IncomingMessage, reply: AdminReply, error?: unknown): void {
  if (response.destroyed || response.headersSent) {
    return
  }
  const text = `${JSON.stringify(reply.body)}\n`
  const { allowed } = (error ?? {}) as { allowed?: string[] }
  response.writeHead(reply.status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(reply.status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    ...(reply.status === 405 && allowed != null ? { allow: allowed.join(', ') } : {}),
    // The rest of a body that nobody wants is not waited for.
    ...(error == null ? {} : { connection: 'close' })
  })
  response.end(request.method === 'HEAD' ? undefined : text)
}

/** What is no HTTP gets an answer as well, if it can be sent at once. */
function refuse(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const status =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : '400 Bad Request'
  const body = JSON.stringify({ error: { name: 'BadRequestError', message: status.slice(4) } })
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
    () => {
      socket.destroy()
    }
  )
}
