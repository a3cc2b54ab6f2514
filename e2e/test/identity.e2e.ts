import { expect, it } from 'vitest'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { Cluster, until } from '@penin/e2e'

it('a peer with another key than expected is a typed error; the connection is closed and nothing is stored', async () => {
  await using cluster = new Cluster()
  const a = await cluster.start('a')
  const b = await cluster.start('b')
  const other = (await generateKeyPair('Ed25519')).publicKey
  const withoutId = b.address.replace(/\/p2p\/.*$/, '')

  for (const address of [withoutId, b.address]) {
    await expect(
      a.request('add', { address, expectedPublicKey: Buffer.from(other.raw).toString('hex') })
    ).rejects.toMatchObject({ name: 'PeerIdentityMismatchError' })
  }
  await until(async () => (await b.request('connections', undefined)).length === 0, {
    ms: 5_000,
    what: 'still connected'
  })
  expect(await a.request('connections', undefined)).toEqual([])
  expect(await a.request('stored', undefined)).toEqual([])
  expect(await a.request('peers', {})).toEqual([])
})

it('a peer with the expected key is connected, greeted and returned', async () => {
  await using cluster = new Cluster()
  const a = await cluster.start('a')
  const b = await cluster.start('b', { capabilities: { tools: ['search'] } })
  const found = await a.request('add', { address: b.address.replace(/\/p2p\/.*$/, '') })
  expect(found).toMatchObject({
    id: b.id,
    state: 'connected',
    direction: 'outbound',
    capabilities: { tools: ['search'] }
  })

  const verified = await a.request('add', { address: b.address, expectedPublicKey: found.publicKey ?? '' })
  expect(verified.id).toBe(b.id)
})

it('nodes of two networks both say so, and neither dials the other again within the hour', async () => {
  await using cluster = new Cluster()
  const ours = await cluster.start('ours', { networkId: 'ours' })
  const theirs = await cluster.start('theirs', { networkId: 'theirs' })

  await expect(ours.request('add', { address: theirs.address })).rejects.toMatchObject({
    name: 'WrongNetworkError',
    message: expect.stringContaining('"theirs"') as string
  })
  const seen = await theirs.event('peer:refused')
  expect(seen.detail).toMatchObject({ id: ours.id, name: 'WrongNetworkError' })
  expect(String(seen.detail['message'])).toContain('"ours"')
  const toldHere = await ours.event('peer:refused')
  expect(toldHere.detail).toMatchObject({ id: theirs.id, name: 'WrongNetworkError' })

  const explained = await ours.request('explain', theirs.id)
  expect(explained.reasons.join(' ')).toMatch(/Not dialled for another (59|60) min/)
  await until(async () => (await ours.request('connections', undefined)).length === 0, {
    ms: 5_000,
    what: 'still connected'
  })
})

it('a change of capabilities reaches connected peers', async () => {
  await using cluster = new Cluster()
  const a = await cluster.start('a')
  const b = await cluster.start('b')
  await a.request('add', { address: b.address })
  await b.event('peer:connected')
  await a.request('setCapabilities', { agents: ['scribe'] })
  const { detail } = await b.event('peer:updated')
  expect(detail['capabilities']).toMatchObject({ agents: ['scribe'] })
})
