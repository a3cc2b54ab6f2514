import { TypedEventEmitter } from 'main-event'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { mdns } from '../src/index.js'
import { components, freePort, makePeer, ManualClock, next, until } from './support.js'
import type { Libp2pEvents } from '@libp2p/interface'
import type { Mdns, MdnsInit } from '../src/index.js'

let port: number
const services: Mdns[] = []
beforeEach(async () => {
  port = await freePort()
})
afterEach(async () => {
  await Promise.all(services.splice(0).map((service) => service.stop()))
})

async function make(init: MdnsInit = {}, events?: TypedEventEmitter<Libp2pEvents>): Promise<Mdns> {
  const parts = components(await makePeer(), ['/ip4/127.0.0.1/tcp/1'])
  const service = mdns({ port, interfaces: ['127.0.0.1'], ...init })({
    ...parts,
    ...(events === undefined ? {} : { events })
  })
  services.push(service)
  return service
}

describe('lifecycle', () => {
  it('starting twice is starting once', async () => {
    const service = await make()
    await Promise.all([service.start(), service.start()])
    await service.start()
    expect(service.isStarted()).toBe(true)
    expect(service.interfaces()).toEqual(['lo'])
    await service.stop()
    expect(service.interfaces()).toEqual([])
  })

  it('stopping twice, or before start, does nothing', async () => {
    const service = await make()
    await service.stop()
    expect(service.isStarted()).toBe(false)
    await service.start()
    await Promise.all([service.stop(), service.stop()])
    await service.stop()
    expect(service.isStarted()).toBe(false)
  })

  it('stopping during start leaves it stopped, with nothing open and nothing pending', async () => {
    const clock = new ManualClock()
    const service = await make({ clock })
    const starting = service.start()
    await service.stop()
    await starting
    expect(service.isStarted()).toBe(false)
    expect(service.interfaces()).toEqual([])
    expect(clock.pending).toBe(0)
  })

  it('works again after a restart', async () => {
    const [a, b] = await Promise.all([make(), make()])
    await Promise.all([a.start(), b.start()])
    await next(a, 'peer')
    await a.stop()
    await a.start()
    expect((await next(a, 'peer')).detail.multiaddrs.map(String)).toEqual(['/ip4/127.0.0.1/tcp/1'])
  })

  it('leaves no timer, no socket and no listener behind', async () => {
    const clock = new ManualClock()
    const events = new TypedEventEmitter<Libp2pEvents>()
    const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name === 'UDPWrap').length
    const service = await make({ clock }, events)
    for (let i = 0; i < 3; i++) {
      await service.start()
      expect(events.listenerCount('self:peer:update')).toBe(1)
      clock.advance(20_000)
      await service.stop()
      expect(events.listenerCount('self:peer:update')).toBe(0)
      expect(clock.pending).toBe(0)
    }
    // Node lets go of a closed handle a little later
    await until(() => sockets() === 0)
  })

  it('queries at 0, 1 and 3 seconds, and then at every interval, give or take a tenth', async () => {
    const clock = new ManualClock()
    const service = await make({ clock, announce: false, rescanInterval: 600_000 })
    await service.start()
    const sent: number[] = []
    for (let second = 0; second <= 25; second++) {
      // what is sent is counted when the system has taken it
      await new Promise((resolve) => {
        setImmediate(resolve)
      })
      sent.push(service.stats().sent)
      clock.advance(1000)
    }
    expect(sent.slice(0, 5)).toEqual([1, 2, 2, 3, 3])
    expect(sent[11]).toBe(3)
    expect(sent[15]).toBe(4)
    expect(sent[20]).toBe(4)
    expect(sent[25]).toBe(5)
  })
})
