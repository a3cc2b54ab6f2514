import { once } from 'node:events'
import { request as httpRequest, Server, type IncomingHttpHeaders } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { PeninNode } from '@penin/node'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { AdminServer, adminUrl, MAX_ADMIN_CONNECTIONS, MAX_BODY_BYTES, type AdminServerInit } from '../src/index.js'
import { quietNode } from './support.js'

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: Record<string, unknown>
}

interface Ask {
  method?: string
  headers?: Record<string, string>
  body?: string
}

const TOKEN = 'correct-horse-battery-staple'
const auth = { authorization: `Bearer ${TOKEN}` }
const STRANGER = '12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X'

let node: PeninNode
let other: PeninNode
let admin: AdminServer

async function serve(init: Partial<AdminServerInit> = {}): Promise<AdminServer> {
  const server = new AdminServer({ node, token: TOKEN, ...init })
  await server.start()
  return server
}

function portOf(server: AdminServer): number {
  return Number(new URL(server.url ?? '').port)
}

/** Through node:http, which lets a test send the Host and Origin that a browser would. */
async function ask(path: string, { method = 'GET', headers = {}, body }: Ask = {}, server = admin): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port: portOf(server), path, method, headers, agent: false })
    request.on('error', reject)
    request.on('response', (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString()))
      response.on('error', reject)
      response.on('end', () => {
        const parsed = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: parsed })
      })
    })
    request.end(body)
  })
}

beforeAll(async () => {
  node = await quietNode()
  other = await quietNode()
})

afterAll(async () => {
  await Promise.all([node.stop(), other.stop()])
})

beforeEach(async () => {
  admin = await serve()
})

afterEach(async () => {
  await admin.stop()
})

describe('the routes', () => {
  it('says that the node is well, and why it is not ready', async () => {
    expect(await ask('/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } })
    expect(await ask('/readyz')).toMatchObject({ status: 503, body: { reason: 'the node has no peer yet' } })
  })

  it('a bridge is ready before anybody has come; a stopped node is neither well nor ready', async () => {
    const bridge = await quietNode({ profile: 'bridge' })
    const server = await serve({ node: bridge })
    expect(await ask('/readyz', {}, server)).toMatchObject({ status: 200 })
    await bridge.stop()
    expect(await ask('/healthz', {}, server)).toMatchObject({ status: 503 })
    expect(await ask('/readyz', {}, server)).toMatchObject({ status: 503 })
    expect(
      await ask('/peers', { method: 'POST', headers: auth, body: '{"address":"127.0.0.1:1"}' }, server)
    ).toMatchObject({
      status: 503,
      body: { error: { name: 'NotRunningError' } }
    })
    await server.stop()
  })

  it('adds a peer, lists it, explains it, counts it, and removes it', async () => {
    const id = other.id.toString()
    const body = JSON.stringify({ address: other.addresses[0]?.toString() })
    expect(await ask('/peers', { method: 'POST', headers: auth, body })).toMatchObject({
      status: 200,
      body: { id, state: 'connected' }
    })
    expect(await ask('/readyz')).toMatchObject({ status: 200, body: { peers: 1 } })
    expect(await ask('/peers')).toMatchObject({ body: { peers: [{ id, sources: ['manual'] }] } })
    expect(await ask('/peers?connected=true&source=manual')).toMatchObject({ body: { peers: [{ id }] } })
    expect((await ask('/peers?source=mdns')).body).toEqual({ peers: [] })
    expect((await ask('/peers?connected=false')).body).toEqual({ peers: [] })
    expect(await ask(`/peers/${id}`)).toMatchObject({ status: 200, body: { id } })
    expect(await ask(`/explain/${id}`)).toMatchObject({ body: { id, state: 'connected' } })
    expect(await ask('/stats')).toMatchObject({ body: { id: node.id.toString(), peers: { connected: 1 } } })
    expect(await ask(`/peers/${id}`, { method: 'DELETE', headers: auth })).toMatchObject({
      status: 200,
      body: { removed: id }
    })
    expect(await ask('/peers?connected=true')).toMatchObject({ body: { peers: [] } })
  })

  it('filters and orders peers, and counts them', async () => {
    const id = other.id.toString()
    const body = JSON.stringify({ address: other.addresses[0]?.toString() })
    await ask('/peers', { method: 'POST', headers: auth, body })
    const queries = 'alive=true&banned=false&sort=health&limit=1&tag=trusted&capability=tools:search'
    expect((await ask(`/peers?${queries}`)).body).toEqual({ peers: [] })
    expect(await ask(`/peers/${id}/trust`, { method: 'PUT', headers: auth })).toMatchObject({ body: { trusted: true } })
    expect(await ask('/peers?sort=health&limit=1&tag=trusted')).toMatchObject({ body: { peers: [{ id }] } })
    expect(await ask('/stats/peers')).toMatchObject({ body: { connected: 1, trusted: 1, bySource: { manual: 1 } } })
    expect(await ask(`/peers/${id}/trust`, { method: 'DELETE', headers: auth })).toMatchObject({
      body: { trusted: false }
    })
    await ask(`/peers/${id}`, { method: 'DELETE', headers: auth })
  })

  it('bans, lists bans, and lifts them', async () => {
    const ban = (text: string): Promise<Answer> =>
      ask(`/bans/${STRANGER}`, { method: 'PUT', headers: auth, body: text })
    const entry = { kind: 'peer', key: STRANGER, reason: 'spam', by: 'operator', automatic: false }
    expect(await ban('{"duration":3600000,"reason":"spam"}')).toMatchObject({ status: 200, body: entry })
    expect(await ban('{"reason":"spam"}')).toMatchObject({ status: 200, body: { ...entry, until: null } })
    expect(await ask('/bans')).toMatchObject({ body: { bans: [{ ...entry, until: null }] } })
    expect(await ask('/peers?banned=true')).toMatchObject({ body: { peers: [{ id: STRANGER, ban: { until: null } }] } })
    expect(await ask(`/peers/${STRANGER}/history`)).toMatchObject({ body: { id: STRANGER, history: [] } })
    expect(await ask('/reputation')).toMatchObject({ body: { version: 1, bans: { [STRANGER]: { until: null } } } })
    const address = `${STRANGER}@127.0.0.1:1`
    expect(await ask('/peers', { method: 'POST', headers: auth, body: JSON.stringify({ address }) })).toMatchObject({
      status: 409,
      body: { error: { name: 'PeerBannedError', peer: STRANGER } }
    })
    expect((await ask(`/bans/${STRANGER}`, { method: 'DELETE' })).status).toBe(401)
    for (const unbanned of [true, false]) {
      expect(await ask(`/bans/${STRANGER}`, { method: 'DELETE', headers: auth })).toMatchObject({ body: { unbanned } })
    }
    expect((await ask('/bans')).body).toEqual({ bans: [] })
  })

  it.for<[path: string, ask: Ask, status: number, name: string]>([
    ['/peers?alive=x', {}, 400, 'BadRequestError'],
    ['/peers?banned=1', {}, 400, 'BadRequestError'],
    ['/peers?sort=age', {}, 400, 'BadRequestError'],
    ['/peers?capability=skills', {}, 400, 'BadRequestError'],
    ['/peers?limit=', {}, 400, 'InvalidArgumentError'],
    ['/peers?limit=-1', {}, 400, 'InvalidArgumentError'],
    [`/bans/${STRANGER}`, { method: 'PUT', headers: auth, body: '{"duration":"1h"}' }, 400, 'BadRequestError'],
    [`/bans/${STRANGER}`, { method: 'PUT', headers: auth, body: '{"duration":-1}' }, 400, 'InvalidArgumentError'],
    [`/bans/${STRANGER}`, { method: 'PUT', headers: auth, body: '{"reason":1}' }, 400, 'BadRequestError'],
    [`/bans/${STRANGER}`, { method: 'PUT', headers: auth, body: '{"for":"1h"}' }, 400, 'BadRequestError'],
    ['/bans/nonsense', { method: 'PUT', headers: auth, body: '{}' }, 404, 'UnknownPeerError'],
    ['/bans/192.0.2.1', { method: 'DELETE', headers: auth }, 404, 'UnknownPeerError'],
    ['/peers/nonsense/history', {}, 404, 'UnknownPeerError'],
    ['/peers/nonsense/trust', { method: 'PUT', headers: auth }, 404, 'UnknownPeerError'],
    ['/nowhere', {}, 404, 'NoSuchRouteError'],
    ['/peers/', {}, 404, 'NoSuchRouteError'],
    [`/peers/${STRANGER}`, {}, 404, 'UnknownPeerError'],
    ['/explain/nonsense', {}, 404, 'UnknownPeerError'],
    ['/explain/%zz', {}, 400, 'BadRequestError'],
    ['/peers?connected=maybe', {}, 400, 'BadRequestError'],
    ['/peers?source=gossip', {}, 400, 'BadRequestError'],
    ['/stats', { method: 'POST', headers: auth }, 405, 'MethodNotAllowedError'],
    ['/peers', { method: 'OPTIONS', headers: auth }, 405, 'MethodNotAllowedError'],
    [`/peers/${STRANGER}`, { method: 'DELETE', headers: auth }, 404, 'UnknownPeerError'],
    ['/peers', { method: 'POST', headers: auth, body: 'nonsense' }, 400, 'BadRequestError'],
    ['/peers', { method: 'POST', headers: auth, body: '[]' }, 400, 'BadRequestError'],
    ['/peers', { method: 'POST', headers: auth, body: '{}' }, 400, 'BadRequestError'],
    ['/peers', { method: 'POST', headers: auth, body: '{"address":1}' }, 400, 'BadRequestError'],
    ['/peers', { method: 'POST', headers: auth, body: '{"address":"x"}' }, 400, 'InvalidPeerAddressError'],
    [
      '/peers',
      { method: 'POST', headers: auth, body: '{"address":"127.0.0.1:1","expect":"x"}' },
      400,
      'BadRequestError'
    ],
    [
      '/peers',
      { method: 'POST', headers: auth, body: '{"address":"127.0.0.1:1","expectedPublicKey":"x"}' },
      400,
      'InvalidArgumentError'
    ],
    ['/peers', { method: 'POST', headers: auth, body: '{"address":"127.0.0.1:1"}' }, 502, 'DialFailedError']
  ])('%s %j is answered with %i', async ([path, question, status, name]) => {
    const answer = await ask(path, question)
    expect(answer).toMatchObject({ status, body: { error: { name } } })
    expect(answer.headers['content-type']).toContain('application/json')
  })

  it('a peer with another identity than expected is a conflict', async () => {
    const address = other.addresses[0]?.toString().replace(/\/p2p\/.*/, `/p2p/${STRANGER}`)
    const answer = await ask('/peers', { method: 'POST', headers: auth, body: JSON.stringify({ address }) })
    expect(answer).toMatchObject({ status: 409, body: { error: { name: 'PeerIdentityMismatchError' } } })
  })

  it('says which methods there are', async () => {
    expect((await ask('/peers', { method: 'PATCH', headers: auth })).headers['allow']).toBe('GET, POST')
    expect(await ask('/healthz', { method: 'HEAD' })).toMatchObject({ status: 200, body: {} })
  })
})

describe('who may ask', () => {
  it('nothing is changed without the token, or with a wrong one', async () => {
    const wrong: Array<Record<string, string>> = [
      {},
      { authorization: 'Bearer wrong' },
      { authorization: TOKEN },
      { authorization: '' }
    ]
    for (const headers of wrong) {
      const answer = await ask('/peers', { method: 'POST', headers, body: '{"address":"127.0.0.1:1"}' })
      expect(answer).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer' } })
      expect((await ask(`/peers/${STRANGER}`, { method: 'DELETE', headers })).status).toBe(401)
    }
  })

  it('a wrong token is refused even where none is needed', async () => {
    expect((await ask('/peers', { headers: { authorization: 'Bearer wrong' } })).status).toBe(401)
  })

  it.for([
    'evil.example',
    'evil.example:PORT',
    '127.0.0.1.evil.example:PORT',
    'localhost:1',
    '127.0.0.1',
    '192.0.2.1:PORT'
  ])('DNS rebinding: a page under %s reads nothing', async (name) => {
    const host = name.replace('PORT', String(portOf(admin)))
    for (const path of ['/peers', '/stats', '/healthz']) {
      expect((await ask(path, { headers: { host } })).status).toBe(403)
      expect((await ask(path, { headers: { host, ...auth } })).status).toBe(403)
    }
  })

  it('the names of this machine pass', async () => {
    for (const name of ['localhost', '127.0.0.1', '127.1.2.3', '[::1]', 'LOCALHOST']) {
      expect((await ask('/peers', { headers: { host: `${name}:${portOf(admin)}` } })).status).toBe(200)
    }
  })

  it.for(['https://evil.example', 'null', 'http://localhost:1', 'http://127.0.0.1'])(
    'a page of %s cannot send requests across sites',
    async (origin) => {
      expect((await ask('/peers', { headers: { origin } })).status).toBe(403)
      expect((await ask('/peers', { method: 'POST', headers: { origin, ...auth }, body: '{}' })).status).toBe(403)
    }
  )

  it('a page of the same origin passes, and a browser that says so is believed', async () => {
    const host = `localhost:${portOf(admin)}`
    expect((await ask('/peers', { headers: { host, origin: `http://${host}` } })).status).toBe(200)
    expect((await ask('/peers', { headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(403)
  })

  it('where others reach it, it does not start without a token worth the name', () => {
    for (const host of ['0.0.0.0', '::', '192.0.2.1', 'example.org']) {
      for (const token of [undefined, '', 'short']) {
        expect(() => new AdminServer({ node, host, ...(token == null ? {} : { token }) })).toThrow(
          expect.objectContaining({ name: 'AdminTokenRequiredError' })
        )
      }
    }
  })

  it('an unspecified address wants the token for everything but the probes', async () => {
    // Loopback in a notation that nobody has to know; what isn't known to be loopback counts as open.
    const open = await serve({ host: '::ffff:127.0.0.1' })
    const host = 'penin.example:9090'
    expect(adminUrl({ host: '0.0.0.0', port: 1 })).toBe('http://127.0.0.1:1')
    expect(adminUrl({ host: '::', port: 1 })).toBe('http://[::1]:1')
    expect((await ask('/healthz', { headers: { host } }, open)).status).toBe(200)
    expect((await ask('/readyz', { headers: { host } }, open)).status).toBe(503)
    for (const path of ['/peers', '/stats', `/explain/${STRANGER}`, '/nowhere']) {
      expect((await ask(path, { headers: { host } }, open)).status).toBe(401)
    }
    expect((await ask('/peers', { headers: { host, ...auth } }, open)).status).toBe(200)
    await open.stop()
  })

  it('a token of its own is long and random', () => {
    const [a, b] = [new AdminServer({ node }), new AdminServer({ node })]
    expect(a.token).toMatch(/^[0-9a-f]{64}$/)
    expect(a.token).not.toBe(b.token)
  })
})

describe('the limits', () => {
  it('a body of more than 64 KiB is refused, announced or not', async () => {
    const body = `{"address":"${'x'.repeat(MAX_BODY_BYTES)}"}`
    expect(await ask('/peers', { method: 'POST', headers: auth, body })).toMatchObject({
      status: 413,
      body: { error: { name: 'BodyTooLargeError' } }
    })
    const chunked = { ...auth, 'transfer-encoding': 'chunked' }
    expect((await ask('/peers', { method: 'POST', headers: chunked, body })).status).toBe(413)
  })

  it('headers of more than 16 KiB are refused', async () => {
    expect((await ask('/healthz', { headers: { long: 'x'.repeat(15_000) } })).status).toBe(200)
    expect((await ask('/healthz', { headers: { long: 'x'.repeat(16_384) } })).status).toBe(431)
  })

  it('a sender that takes its time has 5 s for its headers and 10 s for all, and is closed after 150 s of silence', async () => {
    const listen = vi.spyOn(Server.prototype, 'listen')
    const slow = await serve()
    const server = listen.mock.contexts[0] as Server
    listen.mockRestore()
    expect([server.headersTimeout, server.requestTimeout, server.timeout]).toEqual([5_000, 10_000, 150_000])
    const accepted = once(server, 'connection')
    const socket = connect(portOf(slow), '127.0.0.1')
    const [peer] = (await accepted) as [Socket]
    expect(peer.timeout).toBe(150_000)
    let text = ''
    socket.on('data', (data: Buffer) => (text += data.toString()))
    // Node.js measures both by a clock of its own, which no test can move
    server.emit('clientError', Object.assign(new RangeError(), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), peer)
    await once(socket, 'close')
    expect(text).toMatch(/^HTTP\/1\.1 408 /)
    const second = once(server, 'connection')
    const silent = connect(portOf(slow), '127.0.0.1')
    const [other] = (await second) as [Socket]
    other.emit('timeout')
    await once(silent.resume(), 'close')
    await slow.stop()
  })

  it('what is no HTTP is answered in JSON, and the connection closed', async () => {
    const socket = connect(portOf(admin), '127.0.0.1')
    socket.write('nonsense\r\n\r\n')
    let text = ''
    socket.on('data', (data: Buffer) => (text += data.toString()))
    await once(socket, 'close')
    expect(text).toMatch(/^HTTP\/1\.1 400 [\s\S]*\{"error"/)
  })

  it('paths that are no paths are refused', async () => {
    for (const path of ['//[', 'http://evil.example/peers', '*']) {
      expect((await ask(path)).status).toBeGreaterThanOrEqual(400)
    }
  })

  it('more than 64 connections are not accepted', async () => {
    const sockets: Socket[] = []
    let closed = 0
    for (let i = 0; i < MAX_ADMIN_CONNECTIONS + 4; i++) {
      const socket = connect(portOf(admin), '127.0.0.1')
      socket.on('close', () => closed++)
      socket.on('error', () => undefined)
      sockets.push(socket)
      await once(socket, 'connect')
    }
    await Promise.all(sockets.slice(MAX_ADMIN_CONNECTIONS).map(async (s) => s.closed || once(s, 'close')))
    expect(closed).toBe(4)
    sockets.forEach((socket) => socket.destroy())
  })

  it('stop() closes connections that are kept alive, and a request under way, at once; both may be repeated', async () => {
    const idle = connect(portOf(admin), '127.0.0.1')
    await once(idle, 'connect')
    idle.write(`GET /healthz HTTP/1.1\r\nhost: 127.0.0.1:${portOf(admin)}\r\n\r\n`)
    await once(idle, 'data')
    const half = connect(portOf(admin), '127.0.0.1')
    await once(half, 'connect')
    half.write(
      `POST /peers HTTP/1.1\r\nhost: 127.0.0.1:${portOf(admin)}\r\nauthorization: Bearer ${TOKEN}\r\ncontent-length: 9\r\n\r\n{`
    )
    const closed = [idle, half].map(async (socket) => {
      socket.on('error', () => undefined) // a reset is as good as an end
      return new Promise((resolve) => socket.on('close', resolve))
    })
    await admin.stop()
    await admin.stop()
    await Promise.all(closed)
    expect(admin.url).toBeUndefined()
    await admin.start()
    await admin.start()
    expect((await ask('/healthz')).status).toBe(200)
  })

  it('a taken port is an AdminListenError', async () => {
    const second = new AdminServer({ node, port: portOf(admin) })
    await expect(second.start()).rejects.toMatchObject({ name: 'AdminListenError', code: 'EADDRINUSE' })
    expect(second.isRunning).toBe(false)
  })
})
