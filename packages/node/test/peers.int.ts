import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTestnet, until } from '@penin/testing'
import { expect, it } from 'vitest'
import type { PeninNode } from '../src/index.js'

function isConnected(from: PeninNode, to: PeninNode): boolean {
  return from.peers.list({ connected: true }).some(({ id }) => id.equals(to.id))
}

it('a peer that is banned is disconnected at once, not dialled, and refused on return, until it is let in again', async () => {
  await using net = await createTestnet(3, { mesh: true })
  const [a, b, c] = net.nodes as [PeninNode, PeninNode, PeninNode]
  const dialled: string[] = []
  a.addEventListener('dialling', ({ detail }) => dialled.push(detail.target))
  a.peers.ban(b.id, { duration: 3_600_000, reason: 'test' })
  expect([isConnected(a, b), a.libp2p.getConnections(b.id)]).toEqual([false, []])
  expect(isConnected(a, c)).toBe(true)
  await until(() => !isConnected(b, a), { message: 'the banned peer has not noticed' })
  await expect(a.peers.add(b.addresses[0]?.toString() ?? '')).rejects.toMatchObject({ name: 'PeerBannedError' })
  await b.peers.add(a.addresses[0]?.toString() ?? '').catch(() => undefined)
  await until(() => !isConnected(b, a), { message: 'let in again' })
  expect(isConnected(a, b)).toBe(false)
  expect(a.peers.explain(b.id).reasons[0]).toMatch(/^Banned for another 60 min: test \(by operator\)\.$/)
  expect(a.stats().reputation).toMatchObject({ bans: 1, groupBans: 0 })
  expect(a.stats().connections.refused.banned).toBeGreaterThan(0)
  expect(dialled.filter((target) => target.includes(b.id.toString()))).toEqual([])
  expect(a.peers.unban(b.id)).toBe(true)
  expect((await a.peers.add(b.addresses[0]?.toString() ?? '')).state).toBe('connected')
})

it('bans, trust and health are kept over a restart', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'penin-peers-'))
  try {
    await using net = await createTestnet(3)
    const [a, b, c] = net.nodes as [PeninNode, PeninNode, PeninNode]
    const first = await net.add({ dataDir })
    await first.peers.add(b.addresses[0]?.toString() ?? '')
    first.peers.ban(b.id, { reason: 'test' })
    first.peers.trust(c.id)
    const { health } = first.peers.get(a.id)
    expect(health).toBeGreaterThan(0.5)
    await first.stop()
    const again = await net.add({ dataDir })
    expect(again.peers.bans()).toMatchObject([{ key: b.id.toString(), ban: { until: Infinity, reason: 'test' } }])
    expect(again.peers.list({ banned: true }).map(({ id }) => id.toString())).toEqual([b.id.toString()])
    expect(again.peers.export().peers[c.id.toString()]).toMatchObject({ trusted: true })
    expect(again.peers.get(a.id).health).toBeGreaterThanOrEqual(health)
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
})

it('node.peers tells of peers that come, introduce themselves and go', async () => {
  await using net = await createTestnet(2, {
    node: (index) => (index === 1 ? { capabilities: { tools: ['search'] } } : {})
  })
  const [a, b] = net.nodes as [PeninNode, PeninNode]
  const told: string[] = []
  a.peers.addEventListener('added', ({ detail }) => told.push(`added ${detail.id.toString()}`))
  a.peers.addEventListener('updated', ({ detail }) => told.push(`${detail.state} ${detail.id.toString()}`))
  a.peers.addEventListener('removed', ({ detail }) => told.push(`removed ${detail.id.toString()}`))
  const c = await net.add()
  const name = c.id.toString()
  await until(() => told.includes(`connected ${name}`), { message: 'not told' })
  expect(told.indexOf(`added ${name}`)).toBeLessThan(told.indexOf(`connected ${name}`))
  expect(a.peers.list({ capability: { kind: 'tools', name: 'search' } }).map(({ id }) => id.toString())).toEqual([
    b.id.toString()
  ])
  await a.peers.remove(c.id)
  await until(() => told.includes(`removed ${name}`), { message: 'not told of the removal' })
  await b.stop()
  await until(() => told.includes(`known ${b.id.toString()}`), { message: 'not told of the end' })
  expect(a.peers.get(b.id)).toMatchObject({ state: 'known', capabilities: { tools: ['search'] } })
})
