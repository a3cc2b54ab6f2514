import { MemoryDatastore } from 'datastore-core'
import { Key } from 'interface-datastore'
import { LevelDatastore } from 'datastore-level'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FakeClock, until } from '@penin/testing'
import type { PrivateKey } from '@libp2p/interface'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { describe, expect, it } from 'vitest'
import {
  frame,
  introduce,
  pair,
  plainNode,
  rawReceiver,
  rawSender,
  talker,
  text,
  type Talker,
  WELCOME
} from './support.js'

/** How many durable messages a store holds. */
async function storedKeys(store: MemoryDatastore | LevelDatastore): Promise<number> {
  let count = 0
  for await (const _ of store.queryKeys({ prefix: '/penin/messages/out' })) {
    count++
  }
  return count
}

const kill = (node: Talker['node']): void => {
  for (const connection of node.getConnections()) {
    connection.abort(new RangeError('killed by the test'))
  }
}

describe('every message is taken exactly once', () => {
  it('though the connection is killed 100 times in the midst of a burst', async () => {
    const [a, b] = await pair({}, { limits: { windowMessages: 64 } })
    await introduce(b.node, a.node)
    const got: number[] = []
    let kills = 0
    b.messages.handle('x', async (message) => {
      got.push(message.json() as number)
      if (got.length % 100 === 50 && kills < 100) {
        kills++
        kill(kills % 2 === 0 ? a.node : b.node)
      }
      if (got.length % 10 === 0) {
        await new Promise((resolve) => setImmediate(resolve))
      }
    })
    expect(await a.messages.sendAll(b.id, 'x', Array(10_000).keys())).toBe(10_000)
    expect(kills).toBe(100)
    expect(got).toEqual([...Array(10_000).keys()])
    expect(a.messages.stats().total.streams).toBeGreaterThan(50)
    expect([...a.reporter.reasons(), ...b.reporter.reasons()]).toEqual([])
  }, 60_000)

  it('though both ends dial at once and send both ways', async () => {
    const [a, b] = await Promise.all([talker(), talker()])
    await Promise.all([introduce(a.node, b.node), introduce(b.node, a.node)])
    const got: Record<string, number[]> = { a: [], b: [] }
    a.messages.handle('x', (message) => void got['a']?.push(message.json() as number))
    b.messages.handle('x', (message) => void got['b']?.push(message.json() as number))
    const numbers = [...Array(500).keys()]
    await Promise.all([a.messages.sendAll(b.id, 'x', numbers), b.messages.sendAll(a.id, 'x', numbers)])
    expect(got).toEqual({ a: numbers, b: numbers })
  })

  it('though frames come twice or out of order, on one stream or on the next', async () => {
    const b = await talker()
    const got: string[] = []
    b.messages.handle('x', (message) => void got.push(message.text()))
    const from = await plainNode()
    const first = await rawSender(from, b)
    const x = text('x')
    const one = frame({ id: 0, type: 16, name: x, payload: text('0') })
    first.send(one, one, frame({ id: 3, type: 16, payload: text('3') }), frame({ id: 1, type: 16, payload: text('1') }))
    await until(() => first.taken().length === 4)
    expect(first.taken()).toEqual([0, 0, 3, 1])
    const second = await rawSender(from, b)
    second.send(...[0, 1, 2, 3, 4].map((id) => frame({ id, type: 0, name: x, payload: text(String(id)) })))
    await until(() => second.taken().length === 5)
    expect(got).toEqual(['0', '3', '1', '2', '4'])
    expect(b.messages.stats().total.duplicates).toBe(4)
    await until(() => first.isClosed())
    expect(b.reporter.reports).toEqual([])
  })

  it('though it comes again while the handler is at it: that is acknowledged on the newer stream', async () => {
    const b = await talker()
    const gate = Promise.withResolvers<void>()
    let runs = 0
    b.messages.handle('x', async () => {
      runs++
      await gate.promise
    })
    const from = await plainNode()
    const message = frame({ id: 7, name: text('x') })
    const first = await rawSender(from, b)
    first.send(message, message)
    await until(() => runs === 1)
    const second = await rawSender(from, b)
    second.send(message, message)
    await until(() => b.messages.stats().total.duplicates === 3)
    gate.resolve()
    await until(() => second.taken().length === 1)
    expect([runs, first.taken()]).toEqual([1, []])
  })

  it('and a refusal stays a refusal when it is asked for again', async () => {
    const b = await talker()
    const from = await plainNode()
    for (let round = 0; round < 2; round++) {
      const sender = await rawSender(from, b)
      sender.send(frame({ id: 1, name: text('nobody') }))
      await until(() => sender.refused().length > 0)
      expect(sender.refused()).toEqual([[1, 1]])
    }
  })

  it('and another life of the sender begins anew', async () => {
    const b = await talker()
    const got: string[] = []
    b.messages.handle('x', (message) => void got.push(message.id))
    const from = await plainNode()
    for (const epoch of [1, 2]) {
      const sender = await rawSender(from, b, new Uint8Array(8).fill(epoch), 40_000)
      sender.send(frame({ id: 40_000, name: text('x') }))
      await until(() => sender.taken().length > 0)
    }
    expect(got).toEqual(['0101010101010101-40000', '0202020202020202-40000'])
  })

  it('so what is not acknowledged is sent again on the next stream, in order, with the same ids', async () => {
    const a = await talker()
    const b = await rawReceiver()
    await introduce(a.node, b.node)
    const all = Promise.all(['0', '1', '2'].map(async (payload) => a.messages.send(b.node.peerId, 'x', payload)))
    await until(() => b.frames.length === 3)
    b.answer({ taken: [[1, 1]] })
    await until(() => a.messages.stats().total.delivered === 1)
    kill(a.node)
    await until(() => b.frames.length === 5)
    expect(b.frames.map(({ id }) => id)).toEqual([0, 1, 2, 0, 2])
    expect(Buffer.from(b.frames[3]?.name ?? []).toString()).toBe('x')
    b.answer({
      taken: [
        [0, 1],
        [2, 1]
      ]
    })
    await all
    expect(a.messages.stats().total).toMatchObject({ sent: 3, retried: 2, delivered: 3, inFlight: 0 })
  })
})

describe('durable messages', () => {
  async function nodeWith(
    key: PrivateKey,
    datastore: MemoryDatastore | LevelDatastore,
    got: string[],
    clock?: FakeClock
  ) {
    const made = await talker({ datastore, ...(clock && { clock }) }, { privateKey: key })
    made.messages.handle('x', (message) => void got.push(message.text()))
    return made
  }

  it('reach a receiver that was away for the life of a process, once, on a real disk', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'penin-messages-'))
    const [keyA, keyB] = await Promise.all([generateKeyPair('Ed25519'), generateKeyPair('Ed25519')])
    const idB = peerIdFromPrivateKey(keyB)
    try {
      const disk = new LevelDatastore(join(folder, 'db'))
      await disk.open()
      const first = await nodeWith(keyA, disk, [])
      const lost = Promise.allSettled(
        ['1', '2', '3'].map(async (n) => first.messages.send(idB, 'x', n, { durable: true }))
      )
      await until(async () => (await storedKeys(disk)) === 3)
      await first.node.stop()
      expect(await lost).toMatchObject(Array(3).fill({ reason: { name: 'NotRunningError' } }))
      const got: string[] = []
      const b = await nodeWith(keyB, new MemoryDatastore(), got)
      const again = await nodeWith(keyA, disk, [])
      await introduce(again.node, b.node)
      await again.node.dial(b.id)
      await again.messages.send(b.id, 'x', '4', { durable: true })
      expect(got).toEqual(['1', '2', '3', '4'])
      await until(async () => (await storedKeys(disk)) === 0)
      await again.node.stop()
      await disk.close()
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('are not taken twice by a receiver that is restarted before its acknowledgement arrives', async () => {
    const key = await generateKeyPair('Ed25519')
    const stores = [new MemoryDatastore(), new MemoryDatastore()] as const
    const got: string[] = []
    const a = await talker({ datastore: stores[0] })
    let b = await nodeWith(key, stores[1], got)
    for (let round = 0; round < 5; round++) {
      await introduce(a.node, b.node)
      const sent = Array.from({ length: 20 }, async (_, n) =>
        a.messages.send(b.id, 'x', `${round}-${n}`, { durable: true })
      )
      await until(() => got.length >= round * 20 + 10)
      kill(b.node) // whatever was not acknowledged stays so
      await b.node.stop()
      b = await nodeWith(key, stores[1], got)
      await introduce(a.node, b.node)
      await a.node.dial(b.node.getMultiaddrs())
      await Promise.all(sent)
    }
    expect(got).toEqual([...Array(5).keys()].flatMap((round) => Array.from({ length: 20 }, (_, n) => `${round}-${n}`)))
  })

  it('of a sender that was restarted never use an id again', async () => {
    const key = await generateKeyPair('Ed25519')
    const store = new MemoryDatastore()
    const got: string[] = []
    const b = await nodeWith(await generateKeyPair('Ed25519'), new MemoryDatastore(), got)
    for (const n of ['1', '2', '3']) {
      const a = await talker({ datastore: store }, { privateKey: key })
      await introduce(a.node, b.node)
      await a.messages.send(b.id, 'x', n, { durable: true })
      await a.messages.send(b.id, 'x', `${n}b`)
      await a.node.stop()
    }
    expect(got).toEqual(['1', '1b', '2', '2b', '3', '3b'])
  })

  it('need a datastore, and say when it fails', async () => {
    const datastore = new MemoryDatastore()
    const [a, b] = await Promise.all([talker(), talker()])
    await expect(a.messages.send(b.id, 'x', '', { durable: true })).rejects.toMatchObject({ name: 'DurableStoreError' })
    const c = await talker({ datastore })
    datastore.put = () => {
      throw new RangeError('disk full')
    }
    await expect(c.messages.send(b.id, 'x', '', { durable: true })).rejects.toMatchObject({ name: 'DurableStoreError' })
    expect(c.messages.stats().total).toMatchObject({ queued: 0, outboxBytes: 0 })
  })

  it('that expired in the meantime are reported, and corrupt records are dropped', async () => {
    const clock = new FakeClock()
    const datastore = new MemoryDatastore()
    const key = await generateKeyPair('Ed25519')
    const absent = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
    const first = await talker({ datastore, clock }, { privateKey: key })
    void first.messages.send(absent, 'x', '', { durable: true, ttl: 60_000 }).catch(() => {})
    await until(async () => (await storedKeys(datastore)) === 1)
    await first.node.stop()
    const corrupt = new Key(`/penin/messages/out/${absent.toString()}/0000000000ffff`)
    await datastore.put(corrupt, Uint8Array.of(1, 2, 3))
    await clock.tickAsync(61_000)
    const second = await plainNode()
    expect(second.status).toBe('started')
    const undelivered: unknown[] = []
    const { messaging } = await import('../src/index.js')
    const service = messaging({ datastore, clock })({
      peerId: second.peerId,
      registrar: { handle: async () => {}, unhandle: async () => {}, register: async () => 'x', unregister: () => {} },
      connectionManager: { openConnection: async () => new Promise(() => {}) }
    } as never)
    service.addEventListener('undelivered', ({ detail }) => undelivered.push(detail))
    await service.start()
    expect(undelivered).toMatchObject([{ type: 'x', error: { name: 'MessageExpiredError' } }])
    await until(async () => (await storedKeys(datastore)) === 0)
    await service.stop()
  })
})

describe('a receiver that is restarted', () => {
  it('loses the requests that it had taken and not answered, and the asker is told', async () => {
    const a = await talker()
    const b = await rawReceiver()
    await introduce(a.node, b.node)
    const asked = a.messages.request(b.node.peerId, 'x').catch((error: unknown) => error)
    await until(() => b.frames.length === 1)
    b.answer({ taken: [[0, 1]] })
    await until(() => a.messages.stats().total.delivered === 1)
    WELCOME.instance = Uint8Array.of(8, 8, 8, 8, 8, 8, 8, 8)
    kill(a.node)
    expect(await asked).toMatchObject({ name: 'AnswerLostError' })
  })
})
