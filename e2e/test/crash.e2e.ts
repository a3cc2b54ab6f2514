import { join } from 'node:path'
import { expect, it } from 'vitest'
import { Cluster, NodeProcess, until } from '@penin/e2e'

it('killed hard 20 times while it writes, a node reopens each time with its identity and its peers', async () => {
  await using cluster = new Cluster()
  const friend = await cluster.start('friend')
  const victim = await cluster.start('victim')
  await victim.request('add', { address: friend.address })
  const { id } = victim
  // a crash may cost what was learned within the last second: only from here on it must remember its peer
  await until(async () => (await victim.request('keys', '/penin/book/entry')).some((key) => key.endsWith(friend.id)), {
    ms: 10_000,
    what: 'the peer is not written down'
  })

  for (let round = 0; round < 20; round++) {
    const writing = victim.request('write', 1_000_000).catch(() => undefined) // it does not live to see the end
    await until(async () => (await victim.request('keys', '/penin/test')).length > 10 * round, {
      ms: 10_000,
      what: 'nothing is written',
      interval: 1
    })
    await victim.kill()
    await writing
    await victim.start()
    expect(victim.id).toBe(id)
    expect(victim.warnings).toEqual([])
    expect(await victim.request('stored', undefined)).toContain(friend.id)
    await until(async () => (await victim.connected()).includes(friend.id), {
      ms: 20_000,
      what: `round ${round}: the peer was forgotten`
    })
  }
  expect(cluster.unhandled).toEqual([])
})

it('a second process on the same data directory is refused, with the path', async () => {
  await using cluster = new Cluster()
  const first = await cluster.start('first')
  const dataDir = String(first.config.dataDir)
  const second = new NodeProcess('second', { ...first.config, dataDir })
  cluster.nodes.push(second)

  await expect(second.start()).rejects.toMatchObject({
    name: 'DatastoreLockedError',
    message: expect.stringContaining(join(dataDir, 'db')) as string
  })
  expect(await first.connected()).toEqual([])
})
