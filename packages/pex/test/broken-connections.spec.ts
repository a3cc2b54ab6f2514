import { createServer, connect, type AddressInfo, type Socket } from 'node:net'
import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { until } from '@penin/testing'
import type { Libp2p } from 'libp2p'
import { afterEach, describe, expect, it } from 'vitest'
import { encodeAnswer, PEX_PROTOCOL } from '../src/index.js'
import { exchanger, plainNode, recordOf, somebody } from './support.js'

const record = await recordOf(await somebody())

/** A cable between two nodes of this test that can be pulled: both ends see what they see when the other one crashes. */
class Cable {
  readonly #sockets: Socket[] = []
  readonly #server = createServer((near) => {
    const far = connect(this.port, '127.0.0.1')
    this.#sockets.push(near, far)
    near.on('error', () => {}).pipe(far)
    far.on('error', () => {}).pipe(near)
  })

  private constructor(private readonly port: number) {}

  /** Dials a node through a new cable. */
  static async dial(from: Libp2p, to: Libp2p): Promise<{ cable: Cable; connection: Connection }> {
    const port = Number(
      to
        .getMultiaddrs()[0]
        ?.getComponents()
        .find(({ name }) => name === 'tcp')?.value
    )
    const cable = new Cable(port)
    cables.push(cable)
    await new Promise<void>((resolve) => cable.#server.listen(0, '127.0.0.1', resolve))
    const near = (cable.#server.address() as AddressInfo).port
    const connection = await from.dial(multiaddr(`/ip4/127.0.0.1/tcp/${near}/p2p/${to.peerId.toString()}`))
    return { cable, connection }
  }

  pull(): void {
    this.#server.close()
    for (const socket of this.#sockets) {
      socket.unpipe()
      socket.end()
    }
  }
}

const cables: Cable[] = []
afterEach(() => {
  for (const cable of cables.splice(0)) {
    cable.pull()
  }
})

const MARK = '/test/mark/1.0.0'

/** Resolves when the other end, which handles {@link MARK}, has read what was sent before: it has answered something that was sent after. */
async function delivered(connection: Connection): Promise<void> {
  const stream = await connection.newStream(MARK, { negotiateFully: true })
  stream.abort(new RangeError('that was all'))
}

describe('A6: a connection that breaks in the middle of a message is nobody’s fault', () => {
  it('of the question', async () => {
    const [a, peer] = await Promise.all([exchanger(), plainNode({})])
    await a.node.handle(MARK, () => {})
    const { cable, connection } = await Cable.dial(peer, a.node)
    const stream = await connection.newStream(PEX_PROTOCOL)
    stream.send(Uint8Array.of(100, 0x0a, 90))
    await delivered(connection)
    cable.pull()
    await until(() => a.service.stats().refused.failed + a.service.stats().refused.malformed === 1)
    expect([a.reporter.reports, a.service.stats().refused.malformed]).toEqual([[], 0])
  })

  it('of the answer', async () => {
    const [a, peer] = await Promise.all([exchanger(), plainNode({})])
    await a.node.handle(MARK, () => {})
    const half = encodeAnswer([record])
    let connected: Connection | undefined
    await peer.handle(PEX_PROTOCOL, (stream, connection) => {
      stream.send(Uint8Array.of((half.length & 127) | 128, half.length >> 7, ...half.subarray(0, 50)))
      connected = connection
    })
    const { cable } = await Cable.dial(a.node, peer)
    const outcome = a.service.ask(peer.peerId).catch((error: unknown) => error)
    await delivered(await until(() => connected))
    cable.pull()
    expect(await outcome).toMatchObject({ name: 'PexFailedError' })
    expect([a.reporter.reports, a.service.stats().askFailures]).toMatchObject([[], { failed: 1, malformed: 0 }])
  })
})
