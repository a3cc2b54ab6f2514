import fc from 'fast-check'
import { Key } from 'interface-datastore'
import { describe, expect, it } from 'vitest'
import { createPeerRecordCheck, openStore } from '../src/index.js'
import { makeDir, makePeer, peerStoreOver, withLevel } from './support.js'
import type { StoreEvent } from '../src/index.js'
import type { PeerId } from '@libp2p/interface'

const keyOf = (id: PeerId) => `/peers/${id.toCID().toString()}`

/** A length that reaches beyond the end of the record. */
const TRUNCATED = Uint8Array.of(0x0a, 0x7f, 1)

/** A store with one sound peer record and others that are not, put there past the store. */
async function withDamage() {
  const dataDir = await makeDir()
  const [sound, damaged] = [await makePeer(), await makePeer()]
  const first = await openStore({ dataDir })
  await (await peerStoreOver(first.datastore)).merge(sound, { tags: { friend: { value: 1 } } })
  await first.close()
  await withLevel(dataDir, async (level) => {
    await level.put(keyOf(damaged), TRUNCATED)
    await level.put('/peers/no-cid-at-all', Uint8Array.of())
    await level.put('/peers/', Uint8Array.of())
    await level.put('/peers/evil\u001b[2J\u202e', TRUNCATED)
    const notUtf8 = Buffer.concat([Buffer.from('/peers/'), Buffer.of(0xff, 0xfe, 0x80)])
    await level.put(notUtf8, TRUNCATED, { keyEncoding: 'view', valueEncoding: 'view' })
    await level.put('/peersonal/other', TRUNCATED)
  })
  const events: StoreEvent[] = []
  const store = await openStore({ dataDir, onEvent: (event) => events.push(event) })
  return { store, events, sound, damaged, dataDir, peers: await peerStoreOver(store.datastore) }
}

describe('damaged peer records', () => {
  it('do not make peerStore.all() throw: they are deleted, counted and reported, once', async () => {
    const { store, events, sound, dataDir, peers } = await withDamage()
    expect((await peers.all()).map(({ id }) => id.toString())).toEqual([sound.toString()])
    expect(store.stats().corruptRecords).toBe(5)
    expect(events).toHaveLength(5)
    for (const event of events) {
      expect(event).toEqual({ type: 'corrupt-record', key: expect.stringMatching(/^\/peers\/[\x20-\x7e\ufffd]*$/) })
    }
    expect(await peers.all()).toHaveLength(1)
    expect(store.stats().corruptRecords).toBe(5)
    await store.close()
    await withLevel(dataDir, async (level) => {
      const keys = await level.keys({ gte: '/peers', lt: '/peerz' }).all()
      expect(keys).toEqual([keyOf(sound), '/peersonal/other'])
    })
  })

  it('are gone before the filters and orders of a query decode them', async () => {
    const { store, peers } = await withDamage()
    const all = await peers.all({ filters: [(peer) => peer.tags.has('friend')], orders: [() => 0] })
    expect(all).toHaveLength(1)
    expect(store.stats().corruptRecords).toBe(5)
    await store.close()
  })

  it('are as good as absent for get, has and merge', async () => {
    const { store, damaged, peers } = await withDamage()
    expect(await peers.has(damaged)).toBe(false)
    await expect(peers.get(damaged)).rejects.toMatchObject({ name: 'NotFoundError' })
    expect(store.stats().corruptRecords).toBe(1)
    await peers.merge(damaged, { tags: { again: { value: 1 } } })
    expect((await peers.get(damaged)).tags.has('again')).toBe(true)
    await store.close()
  })

  it('that were replaced since they were read stay', async () => {
    const { store, damaged, peers } = await withDamage()
    const reading = store.datastore.get(new Key(keyOf(damaged)))
    await Promise.all([reading, peers.merge(damaged, {})].map((promise) => Promise.resolve(promise).catch(() => {})))
    await peers.merge(damaged, { tags: { again: { value: 1 } } })
    expect((await peers.get(damaged)).tags.has('again')).toBe(true)
    await store.close()
  })

  it('of any bytes under any key never make peerStore.all() throw', async () => {
    const dataDir = await makeDir()
    const id = keyOf(await makePeer())
    const key = fc.oneof(
      fc.constant(id),
      fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => `/peers/${text}`)
    )
    await using store = await openStore({ dataDir })
    const peers = await peerStoreOver(store.datastore)
    await fc.assert(
      fc.asyncProperty(key, fc.uint8Array({ maxLength: 64 }), async (name, value) => {
        await store.datastore.put(new Key(name), value)
        await peers.all({ filters: [() => true] })
        await peers.all()
      }),
      { numRuns: 150 }
    )
  })
})

describe('the check of peer records', () => {
  it('passes what libp2p writes, at any age, and fails each way of being damaged', async () => {
    const check = await createPeerRecordCheck()
    await using store = await openStore()
    const peers = await peerStoreOver(store.datastore)
    const id = await makePeer()
    await peers.merge(id, { protocols: ['/a/1'], metadata: { v: Uint8Array.of(1) }, tags: { t: { value: 3, ttl: 9 } } })
    const key = new Key(keyOf(id))
    const value = await store.datastore.get(key)
    expect(check(key, value)).toBe(true)
    expect(check(key, new Uint8Array())).toBe(true)
    expect(check(new Key('/peers/junk'), value)).toBe(false)
    expect(check(key, TRUNCATED)).toBe(false)
    // An address (field 1) with bytes (field 1) that are no multiaddr, observed (field 3) in 1970.
    expect(check(key, Uint8Array.of(0x0a, 7, 0x0a, 3, 0xff, 0xff, 0xff, 0x18, 1))).toBe(false)
  })
})
