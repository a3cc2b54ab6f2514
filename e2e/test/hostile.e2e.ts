import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { Cluster, until } from '@penin/e2e'

const CONNECTIONS = 200

it('random bytes, half-open connections and resets do no harm: nothing unhandled, no leak, honest peers get in', async () => {
  await using cluster = new Cluster()
  const target = await cluster.start('target')
  const honest = await cluster.start('honest')
  const port = Number(/\/tcp\/(\d+)/.exec(target.address)?.[1])
  await attack(port) // the first wave makes what stays: compiled code, caches
  const before = await settled(target)

  await attack(port)
  await attack(port)
  const after = await settled(target)

  expect(after.heapUsed).toBeLessThan(before.heapUsed + 4 * 1024 * 1024)
  expect(await target.request('connections', undefined)).toEqual([])
  expect((await honest.request('add', { address: target.address })).state).toBe('connected')
  expect(cluster.unhandled).toEqual([])
})

async function attack(port: number): Promise<void> {
  const sockets = Array.from({ length: CONNECTIONS }, (_, index) => strike(port, index))
  await Promise.all(sockets.map(async (socket) => Promise.race([closed(socket), pause(3_000)])))
  for (const socket of sockets) {
    socket.destroy()
  }
}

async function closed(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => {
    socket.once('close', () => {
      resolve()
    })
  })
}

/** A quarter each: noise, nothing, half a handshake and then noise, a reset in the middle. */
function strike(port: number, index: number): Socket {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined) // being cut off is what it came for
  socket.on('connect', () => {
    switch (index % 4) {
      case 0:
        socket.write(randomBytes(1 + ((index * 37) % 5_000)))
        break
      case 1:
        break
      case 2:
        socket.write('\x13/multistream/1.0.0\n\x07/noise\n')
        socket.write(randomBytes(index % 200))
        break
      default:
        socket.write('\x13/multistream/1.0.0\n', () => socket.resetAndDestroy())
    }
  })
  return socket
}

async function settled(node: { request: Cluster['nodes'][number]['request'] }): Promise<{ heapUsed: number }> {
  await until(async () => (await node.request('connections', undefined)).length === 0, {
    ms: 30_000,
    what: 'still connected'
  })
  await pause(1_000)
  return node.request('memory', undefined)
}
