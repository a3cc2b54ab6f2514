import { once } from 'node:events'
import { connect as connectSocket, createServer, type AddressInfo, type Socket } from 'node:net'
import { PipeSender, serve, type Pipe } from './pipe.js'
import type { Receiver, Sender } from './rival.js'

/** A socket as it is, unencrypted: what the machine can do. */
export async function receive(): Promise<Receiver> {
  const server = createServer({ noDelay: true }, (socket) => {
    serve(pipeOf(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { address: String((server.address() as AddressInfo).port) }
}

export async function connect(address: string): Promise<Sender> {
  const socket = connectSocket({ port: Number(address), host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  return new PipeSender(pipeOf(socket))
}

function pipeOf(socket: Socket): Pipe {
  return {
    write: (bytes) => socket.write(bytes),
    drained: async () => void (await once(socket, 'drain')),
    onData: (listener) => {
      socket.on('data', (data: Buffer) => {
        listener(data.length, () => data)
      })
    }
  }
}
