import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { AdminServer, writeAdminFile } from '@penin/bootstrap-node'
import { createNode, type PeninNode } from '@penin/node'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { AdminClient, findAdmin } from '../src/index.js'
import { removeFolders, tempFolder } from '@penin/testing'

async function quietNode(): Promise<PeninNode> {
  return createNode({ env: {}, listen: ['/ip4/127.0.0.1/tcp/0'], discovery: { mdns: false, dht: false } })
}

let nodes: PeninNode[] = []
let admin: AdminServer

beforeAll(async () => {
  nodes = await Promise.all([quietNode(), quietNode(), quietNode()])
  admin = new AdminServer({ node: nodes[0] as PeninNode })
  await admin.start()
})

afterAll(async () => {
  await admin.stop()
  await Promise.all(nodes.map(async (node) => node.stop()))
  removeFolders()
})

async function withServer(answer: (server: Server) => void, use: (url: string) => Promise<void>): Promise<void> {
  const server = createServer()
  answer(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

describe('the client of an admin endpoint', () => {
  it('finds it through the data directory, and adds, lists, explains and removes peers by parts of their ids', async () => {
    const folder = tempFolder()
    await writeAdminFile(folder, { url: admin.url ?? '', token: admin.token, pid: process.pid })
    const client = new AdminClient(await findAdmin({}, folder, {}))
    const [, b, c] = nodes as [PeninNode, PeninNode, PeninNode]
    const id = b.id.toString()
    expect(await client.add(b.addresses[0]?.toString() ?? '')).toMatchObject({ id, state: 'connected' })
    await client.add(c.addresses[0]?.toString() ?? '', Buffer.from(c.id.publicKey?.raw ?? []).toString('hex'))
    expect(await client.peers({ connected: true })).toHaveLength(2)
    expect(await client.complete(id.slice(-6))).toBe(id)
    expect(await client.complete(`…${id.slice(-8)}`)).toBe(id)
    expect(await client.complete(id.slice(0, -2))).toBe(id.slice(0, -2)) // long enough to be meant as a whole
    await expect(client.complete('12D3KooW')).rejects.toMatchObject({ name: 'PeerChoiceError', exitCode: 2 })
    await expect(client.complete('zzzz')).rejects.toMatchObject({ name: 'PeerChoiceError', candidates: [] })
    await expect(client.complete('12D')).rejects.toMatchObject({ name: 'UsageError' })
    expect(await client.explain(id)).toMatchObject({ state: 'connected' })
    expect(await client.remove(id)).toEqual({ removed: id })
    expect(await client.stats()).toMatchObject({ peers: { connected: 1 } })
    await expect(client.add('nonsense')).rejects.toMatchObject({
      name: 'NodeAnswerError',
      status: 400,
      reason: 'InvalidPeerAddressError'
    })
  })

  it('bans and unbans by parts of ids, also peers that are not known otherwise, and IP groups', async () => {
    const client = new AdminClient({ url: admin.url ?? '', token: admin.token, where: '' })
    const [a, , c] = nodes as [PeninNode, PeninNode, PeninNode]
    const id = c.id.toString()
    expect(await client.ban(id, { duration: 60_000, reason: 'spam' })).toMatchObject({ key: id, reason: 'spam' })
    expect(await client.bans()).toMatchObject([{ kind: 'peer', key: id, by: 'operator' }])
    expect(await client.peers({ banned: true })).toMatchObject([{ id, ban: { reason: 'spam' } }])
    expect(await client.completeBan(id.slice(-6))).toBe(id)
    expect(await client.explain(id)).toMatchObject({
      reasons: expect.arrayContaining([expect.stringContaining('spam')])
    })
    expect(await client.unban(id)).toEqual({ key: id, unbanned: true })
    a.peers.ban(id)
    expect(await client.history(id)).toMatchObject({ id })
    expect(await client.reputation()).toMatchObject({ bans: { [id]: { until: null } } })
    expect(await client.unban(id)).toMatchObject({ unbanned: true })
    expect(await client.trust(id, true)).toEqual({ id, trusted: true })
    expect(await client.trust(id, false)).toEqual({ id, trusted: false })
    expect(await client.peers({ tag: 'trusted', sort: 'health', limit: '3' })).toEqual([])
  })

  it('lists the Python nodes that are heard', async () => {
    const client = new AdminClient({ url: admin.url ?? '', token: admin.token, where: '' })
    expect(await client.legacyPeers()).toEqual([])
    const alpha = { id: 'node-alpha', address: '127.0.0.1', port: 51_515, timestamp: 1, firstSeen: 2, lastSeen: 3 }
    const heard = vi.spyOn((nodes[0] as PeninNode).legacy, 'peers').mockReturnValue([alpha])
    expect(await client.legacyPeers()).toEqual([alpha])
    heard.mockRestore()
  })

  it('finds it by URL, with or without scheme, and takes the token from the environment', async () => {
    const { host } = new URL(admin.url ?? '')
    expect(await findAdmin({ admin: host }, '', {})).toMatchObject({ url: `http://${host}` })
    expect(await findAdmin({ admin: `http://${host}/` }, '', { PENIN_ADMIN_TOKEN: 'x' })).toMatchObject({
      url: `http://${host}`,
      token: 'x'
    })
    await expect(findAdmin({ admin: 'http://:::' }, '', {})).rejects.toMatchObject({ name: 'UsageError' })
    const wrong = new AdminClient({ url: admin.url ?? '', token: 'wrong', where: '' })
    await expect(wrong.stats()).rejects.toMatchObject({ name: 'NodeAnswerError', status: 401 })
  })

  it('where no node is, that is a NoNodeError: no file, a dead port, something else that answers', async () => {
    await expect(findAdmin({}, tempFolder(), {})).rejects.toMatchObject({ name: 'NoNodeError', exitCode: 5 })
    let dead = ''
    await withServer(
      () => undefined,
      async (url) => void (dead = url)
    )
    await expect(new AdminClient({ url: dead, where: dead }).stats()).rejects.toMatchObject({ name: 'NoNodeError' })
    const page = (server: Server): unknown => server.on('request', (_request, response) => response.end('<html>'))
    await withServer(page, async (url) => {
      await expect(new AdminClient({ url, where: url }).stats()).rejects.toMatchObject({ name: 'NoNodeError' })
    })
  })

  it('the token does not follow a redirect', async () => {
    const seen: unknown[] = []
    await withServer(
      (server) =>
        server.on('request', (request, response) => {
          seen.push(request.headers.authorization)
          response.end('{}')
        }),
      async (elsewhere) => {
        const redirect = (server: Server): unknown =>
          server.on('request', (_request, response) => response.writeHead(302, { location: elsewhere }).end())
        await withServer(redirect, async (url) => {
          await expect(new AdminClient({ url, token: 'secret', where: url }).stats()).rejects.toMatchObject({
            name: 'NoNodeError'
          })
        })
      }
    )
    expect(seen).toEqual([])
  })
})
