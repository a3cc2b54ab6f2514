import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { ForeignSiteError, UnauthorizedError } from './errors.js'

/** What decides who may ask what. */
export interface AdminGuardInit {
  /** Whether the endpoint listens where only this machine reaches it. */
  loopback: boolean
  token: string
  /** The port that it listens on. */
  port: () => number
}

/** Paths for load balancers and container runtimes: they tell nothing about peers and work without the token. */
const PROBES = new Set(['/healthz', '/readyz'])

/** `localhost`, `127.…` or `[::1]`, and the port; nothing else is a name of this machine for this purpose. */
const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::(\d{1,5}))?$/i

/**
 * Lets a request pass, or throws why not.
 *
 * Being on the same machine is no proof of good will: every web page that its user opens can send requests to
 * `127.0.0.1`, and a page can give its own name this machine's address (DNS rebinding) to read the answers. Hence the
 * checks of Host, Origin and Sec-Fetch-Site, and the token for whatever changes something.
 *
 * @throws ForeignSiteError, UnauthorizedError
 */
export class AdminGuard {
  readonly #digest: Buffer

  constructor(private readonly init: AdminGuardInit) {
    this.#digest = digest(init.token)
  }

  check(request: IncomingMessage, path: string): void {
    this.#checkSite(request)
    const given = request.headers.authorization
    if (given != null) {
      this.#checkToken(given)
      return
    }
    const reads = request.method === 'GET' || request.method === 'HEAD'
    if (!reads || !(this.init.loopback || PROBES.has(path))) {
      throw new UnauthorizedError('this needs the token of the admin endpoint: Authorization: Bearer …')
    }
  }

  #checkSite({ headers }: IncomingMessage): void {
    const { origin, host } = headers
    if (origin != null && origin.toLowerCase() !== `http://${host ?? ''}`.toLowerCase()) {
      throw new ForeignSiteError('Origin', origin)
    }
    const site = headers['sec-fetch-site']
    if (site != null && site !== 'none' && site !== 'same-origin') {
      throw new ForeignSiteError('Sec-Fetch-Site', String(site))
    }
    if (this.init.loopback) {
      const [match, port = '80'] = LOOPBACK_HOST.exec(host ?? '') ?? []
      if (match == null || Number(port) !== this.init.port()) {
        throw new ForeignSiteError('Host', host)
      }
    }
  }

  /** Digests have one length, so that the comparison takes the same time for every guess. */
  #checkToken(authorization: string): void {
    const [, token = ''] = /^Bearer +(\S+)$/i.exec(authorization) ?? []
    if (!timingSafeEqual(digest(token), this.#digest)) {
      throw new UnauthorizedError('the token is wrong')
    }
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
