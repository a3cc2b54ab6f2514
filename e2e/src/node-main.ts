/** The program of a node process: one node, driven over the pipe to its parent, which it does not outlive. */
import { randomBytes } from 'node:crypto'
import { systemClock, type Clock } from '@penin/interface'
import { createNode, peerInfoToJson, type NodeEvents, type PeerInfo, type PeninNode } from '@penin/node'
import { Key, type Datastore } from 'interface-datastore'
import { MessagesHost } from './messages-host.js'
import type { FromChild, Methods, Request } from './protocol.js'

const EVENTS: Array<keyof NodeEvents> = [
  'peer:discovered',
  'peer:connected',
  'peer:updated',
  'peer:disconnected',
  'peer:refused',
  'dial',
  'connection:refused',
  'connection:dead',
  'dialling',
  'legacy:discovered',
  'legacy:lost',
  'message:undelivered',
  'isolated',
  'wake-up',
  'store',
  'warning'
]

let node: PeninNode | undefined
/** Nodes that share the process with the first. */
const others: PeninNode[] = []
const messages = new MessagesHost()
let clockOffset = 0
const movableClock: Clock = { ...systemClock, now: () => systemClock.now() + clockOffset }

function send(message: FromChild): void {
  if (process.connected) {
    process.send?.(message)
  }
}

function running(): PeninNode {
  if (node == null) {
    throw new TypeError('create comes first')
  }
  return node
}

/** libp2p doesn't show what it was given. */
function datastore(): Datastore {
  return (running().libp2p as unknown as { components: { datastore: Datastore } }).components.datastore
}

function plain(detail: unknown): unknown {
  if (typeof detail === 'object' && detail != null && 'state' in detail && 'id' in detail) {
    return peerInfoToJson(detail as PeerInfo)
  }
  return JSON.parse(JSON.stringify(detail, (_key, value: unknown) => (isPeerId(value) ? value.toString() : value)))
}

function isPeerId(value: unknown): value is { toString(): string } {
  return typeof value === 'object' && value != null && 'toMultihash' in value
}

const methods: { [M in keyof Methods]: (params: Methods[M]['params']) => Promise<Methods[M]['result']> } = {
  create: async (config) => {
    node = await createNode({
      ...config,
      handlers: { numbers: messages.handler('numbers', `${config.dataDir ?? ''}.journal`) },
      env: {},
      clock: movableClock
    })
    for (const name of EVENTS) {
      node.addEventListener(name, (event: CustomEvent<unknown>) => {
        send({ type: 'event', name, detail: plain(event.detail), at: Date.now() })
      })
    }
    return { id: node.id.toString(), addresses: node.addresses.map(String), warnings: [...node.warnings] }
  },
  stop: async () => {
    await Promise.all([node, ...others].map(async (each) => each?.stop()))
    return undefined
  },
  peers: async (filter) => running().peers.list(filter).map(peerInfoToJson),
  stats: async () => running().stats(),
  explain: async (id) => running().peers.explain(id),
  add: async ({ address, ...options }) => peerInfoToJson(await running().peers.add(address, options)),
  remove: async (id) => {
    await running().peers.remove(id)
    return undefined
  },
  bans: async () =>
    running()
      .peers.bans()
      .map(({ kind, key, ban }) => ({ kind, key, until: Number.isFinite(ban.until) ? ban.until : null })),
  connections: async () =>
    running()
      .libp2p.getConnections()
      .map((c) => ({
        id: c.id,
        peer: c.remotePeer.toString(),
        direction: c.direction,
        address: c.remoteAddr.toString()
      })),
  legacy: async () => ({
    peers: running().legacy.peers(),
    knownPeers: [...(running().legacy.state?.knownPeers ?? [])]
  }),
  received: async () => messages.received('numbers'),
  send: async ({ peer, type, text, ...options }) => {
    await running().messages.send(peer, type, text, options)
    return undefined
  },
  sendMany: async (params) => messages.sendMany(running(), params),
  join: async ({ count, config }) => {
    for (let i = 0; i < count; i++) {
      others.push(await createNode({ ...config, env: {} }))
    }
    return others.map(({ id }) => id.toString())
  },
  subscribe: async ({ topic, forbidden }) => {
    messages.subscribe([running(), ...others], topic, forbidden)
    return undefined
  },
  publish: async ({ at, topic, text }) => messages.publish([running(), ...others][at] as PeninNode, topic, text),
  heard: async (topic) => messages.heard(topic),
  statsOfAll: async () => [running(), ...others].map((each) => each.stats()),
  setCapabilities: async (capabilities) => {
    running().setCapabilities(capabilities)
    return undefined
  },
  memory: async () => {
    const { gc } = globalThis as { gc?: () => void }
    gc?.()
    const { heapUsed, rss } = process.memoryUsage()
    return { heapUsed, rss }
  },
  write: async (count) => {
    const store = datastore()
    for (let i = 0; i < count; i++) {
      await store.put(new Key(`/penin/test/${i}`), randomBytes(1024))
    }
    for (let i = 0; i < count; i++) {
      await store.delete(new Key(`/penin/test/${i}`))
    }
    return undefined
  },
  keys: async (prefix) => {
    const keys: string[] = []
    for await (const key of datastore().queryKeys({ prefix })) {
      keys.push(key.toString())
    }
    return keys
  },
  jumpClock: async (by) => {
    clockOffset += by
    return undefined
  },
  stored: async () => (await running().libp2p.peerStore.all()).map((peer) => peer.id.toString())
}

process.on('message', (request: Request) => {
  const method = methods[request.method] as (params: unknown) => Promise<unknown>
  method(request.params).then(
    (value) => {
      send({ type: 'result', id: request.id, value })
    },
    (error: Error) => {
      send({ type: 'error', id: request.id, error: { ...error, name: error.name, message: error.message } })
    }
  )
})
process.on('disconnect', () => process.exit(0))
for (const name of ['unhandledRejection', 'uncaughtException'] as const) {
  process.on(name, (error: unknown) => {
    send({ type: 'unhandled', error: `${name}: ${(error as Error | undefined)?.stack ?? String(error)}` })
  })
}
send({ type: 'ready' })
