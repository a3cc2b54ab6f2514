import type { Libp2pEvents } from '@libp2p/interface'
import { lifecycleCompliance, until } from '@penin/testing'
import { TypedEventEmitter } from 'main-event'
import { describe, expect, it } from 'vitest'
import { udpBroadcast } from '../src/index.js'
import { components, freePort, makePeer } from './support.js'

const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name === 'UDPWrap').length

lifecycleCompliance(
  'udpBroadcast',
  async (clock) => {
    const events = new TypedEventEmitter<Libp2pEvents>()
    const init = { port: await freePort(), interfaces: ['127.0.0.1'], clock }
    const parts = components(await makePeer(), ['/ip4/127.0.0.1/tcp/1'])
    const service = udpBroadcast(init)({ ...parts, events })
    return { service, held: () => events.listenerCount('self:peer:update') }
  },
  { describe, it }
)

lifecycleCompliance(
  'udpBroadcast without an address yet',
  async (clock) => {
    const events = new TypedEventEmitter<Libp2pEvents>()
    const init = { port: await freePort(), interfaces: ['127.0.0.1'], clock }
    const service = udpBroadcast(init)({ ...components(await makePeer(), []), events })
    return { service, held: () => events.listenerCount('self:peer:update') }
  },
  { describe, it }
)

it('no socket is left after a stop, and none is opened before the start', async () => {
  await until(() => sockets() === 0)
  const init = { port: await freePort(), interfaces: ['127.0.0.1'] }
  const service = udpBroadcast(init)(components(await makePeer(), ['/ip4/127.0.0.1/tcp/1']))
  await until(() => sockets() === 0)
  expect(service.isStarted()).toBe(false)
  await service.start()
  expect(service.isStarted()).toBe(true)
  expect(sockets()).toBe(2)
  await service.stop()
  await until(() => sockets() === 0)
  expect(service.isStarted()).toBe(false)
  expect(service.interfaces()).toEqual([])
})

it('options that can’t work are refused when the node is made', async () => {
  const parts = components(await makePeer(), [])
  for (const init of [
    { port: 0 },
    { port: 65_536 },
    { port: 1.5 },
    { interval: 99 },
    { interval: Infinity },
    { interval: 2 ** 31 },
    { rescanInterval: NaN },
    { networkId: '' },
    { networkId: 'é'.repeat(33) }
  ]) {
    expect(() => udpBroadcast(init)(parts), JSON.stringify(init)).toThrow(
      expect.objectContaining({ name: 'InvalidArgumentError' }) as Error
    )
  }
})
