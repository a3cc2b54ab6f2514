import { join } from 'node:path'
import { until, type NodeProcess } from '@penin/e2e'
import { lanOf } from '@penin/e2e/lab'
import { expect, scenario } from './scenario.js'

scenario(
  'on a full disk a node keeps its connections, says so, and catches up when there is room',
  lanOf(3),
  async (lab) => {
    const disk = join(await lab.root(), 'small')
    await lab.faults.mountDisk(disk, '8m')
    const node = await lab.startOn('h1', { dataDir: join(disk, 'data') })
    const { id } = node
    const friend = await lab.startOn('h2')
    await lab.formed({ ms: 10_000, minimum: 1 })

    await lab.faults.fillDisk(disk)
    await provokeWrites(node, friend, 'write-failed')
    expect(await node.connected()).toContain(friend.id)
    const late = await lab.startOn('h3')
    await until(async () => (await node.connected()).includes(late.id), {
      ms: 15_000,
      what: 'no new peers on a full disk'
    })

    await lab.faults.freeDisk(disk)
    await provokeWrites(node, friend, 'write-recovered')
    await lab.faults.kill(node)
    await node.start()
    expect(node.id).toBe(id)
    await until(async () => (await node.request('stored', undefined)).includes(late.id), {
      ms: 10_000,
      what: 'a stored peer is lost'
    })
    expect(lab.unhandled).toEqual([])
  }
)

scenario(
  'out of file descriptors a node keeps its connections and goes on when there are some again',
  lanOf(3),
  async (lab) => {
    const [node, friend] = [await lab.startOn('h1'), await lab.startOn('h2')]
    await lab.formed({ ms: 10_000, minimum: 1 })
    await lab.faults.exhaustDescriptors(node)
    const late = await lab.startOn('h3')
    await expect(node.request('add', { address: late.addressWith('/ip4/10.77.0.3/') })).rejects.toMatchObject({
      name: 'DialFailedError',
      message: expect.stringContaining('EMFILE') as string
    })
    expect(await node.connected()).toContain(friend.id)

    await lab.faults.restoreDescriptors(node)
    await until(async () => (await node.connected()).includes(late.id), { ms: 30_000, what: 'not recovered' })
    expect(await node.connected()).toContain(friend.id)
    const { id } = node
    await lab.faults.kill(node)
    await node.start()
    expect(node.id).toBe(id)
    expect(await node.request('stored', undefined)).toEqual(expect.arrayContaining([friend.id, late.id]))
    expect(lab.unhandled).toEqual([])
  }
)

/** Writes happen when something is learned: a peer that goes and comes makes some. */
async function provokeWrites(node: NodeProcess, friend: NodeProcess, type: string): Promise<void> {
  await until(
    async () => {
      const seen = node.events.some((event) => event.name === 'store' && event.detail['type'] === type)
      if (!seen) {
        await friend.request('setCapabilities', { agents: [String(performance.now())] })
        await node.request('add', { address: friend.addressWith('/ip4/10.77.0.2/') })
        await node.request('write', 2_000)
      }
      return seen
    },
    { ms: 30_000, what: `no ${type} event`, interval: 500 }
  )
}
