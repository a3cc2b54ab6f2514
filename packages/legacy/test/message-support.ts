import { identify } from '@libp2p/identify'
import type { Connection, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { FakeClock, recordingReporter, type RecordingReporter } from '@penin/testing'
import { createLibp2p, type Libp2p } from 'libp2p'
import { afterEach } from 'vitest'
import {
  legacyMessages,
  type AnyLegacyMessage,
  type LegacyMessages,
  type LegacyMessagesEvents,
  type LegacyMessagesInit
} from '../src/index.js'

const running: Libp2p[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map(async (node) => node.stop()))
})

/** An ordinary libp2p node on loopback, as anybody would make one; it is stopped after the test. */
async function keep<N extends Libp2p>(node: N): Promise<N> {
  running.push(node)
  return node
}

const base = () => ({
  addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  connectionMonitor: { enabled: false },
  connectionManager: { reconnectRetries: 0 }
})

export async function plainNode(): Promise<Libp2p> {
  return keep((await createLibp2p({ ...base(), services: { identify: identify() } })) as unknown as Libp2p)
}

/** A node with the messages, and all that it has said. */
export interface Talker {
  node: Libp2p
  service: LegacyMessages
  clock: FakeClock
  reporter: RecordingReporter
  messages: AnyLegacyMessage[]
  dropped: Array<LegacyMessagesEvents['dropped']['detail']>
  failed: Array<LegacyMessagesEvents['failed']['detail']>
}

export async function talker(init: LegacyMessagesInit = {}): Promise<Talker> {
  const clock = new FakeClock()
  const reporter = recordingReporter()
  const node = await createLibp2p({
    ...base(),
    services: { identify: identify(), legacy: legacyMessages({ clock, reporter, ...init }) }
  })
  await keep(node as unknown as Libp2p)
  const service: LegacyMessages = node.services.legacy
  const all: Pick<Talker, 'messages' | 'dropped' | 'failed'> = { messages: [], dropped: [], failed: [] }
  service.addEventListener('message', ({ detail }) => all.messages.push(detail.message))
  service.addEventListener('dropped', ({ detail }) => all.dropped.push(detail))
  service.addEventListener('failed', ({ detail }) => all.failed.push(detail))
  return { node: node as unknown as Libp2p, service, clock, reporter, ...all }
}

export async function dial(from: Libp2p, to: Libp2p): Promise<Connection> {
  return from.dial(to.getMultiaddrs())
}

/** A frame by hand. */
export function frame(content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content as string)
  const length: number[] = []
  let rest = bytes.length
  for (; rest > 127; rest >>>= 7) {
    length.push((rest & 127) | 128)
  }
  return Buffer.concat([Buffer.from([...length, rest]), bytes])
}

/** Everything that comes on a stream, until it ends. */
export async function received(stream: Stream): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) {
    chunks.push(chunk.subarray())
  }
  return Buffer.concat(chunks)
}
