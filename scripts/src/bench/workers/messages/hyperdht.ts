import { once } from 'node:events'
import DHT, { type SecretStream } from 'hyperdht'
import { PipeSender, serve, type Pipe } from './pipe.js'
import type { Receiver, Sender } from './rival.js'

/** All sockets are bound to it, and nobody is told of any other address. */
const host = '127.0.0.1'

/** A connection of hyperdht, found and made as it always is, in a DHT of three nodes. */
export async function receive(): Promise<Receiver> {
  const first = new DHT({ bootstrap: [], host, ephemeral: false, firewalled: false })
  await first.fullyBootstrapped()
  const bootstrap = [{ host, port: first.address().port }]
  const node = new DHT({ bootstrap, host, ephemeral: false, firewalled: false })
  await node.fullyBootstrapped()
  const server = node.createServer({ shareLocalAddress: false })
  server.on('connection', (stream) => {
    serve(pipeOf(stream))
  })
  const keys = DHT.keyPair()
  await server.listen(keys)
  return { address: JSON.stringify({ bootstrap, key: keys.publicKey.toString('hex') }) }
}

export async function connect(address: string): Promise<Sender> {
  const { bootstrap, key } = JSON.parse(address) as { bootstrap: Array<{ host: string; port: number }>; key: string }
  const node = new DHT({ bootstrap, host })
  const stream = node.connect(Buffer.from(key, 'hex'), { localConnection: false })
  await once(stream, 'open')
  return new PipeSender(pipeOf(stream))
}

function pipeOf(stream: SecretStream): Pipe {
  stream.on('error', () => undefined) // the other process has ended
  return {
    write: (bytes) => stream.write(bytes),
    drained: async () => void (await once(stream, 'drain')),
    onData: (listener) => {
      stream.on('data', (data) => {
        listener(data.length, () => data)
      })
    }
  }
}
