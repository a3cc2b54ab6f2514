import { identify } from '@libp2p/identify'
import type { Connection, ServiceMap } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { FakeClock, recordingReporter, type RecordingReporter } from '@penin/testing'
import { createLibp2p, type Libp2p, type ServiceFactoryMap } from 'libp2p'
import { afterEach } from 'vitest'
import { hello, type HelloEvents, type HelloInit, type HelloService } from '../src/index.js'

const running: Libp2p[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map(async (node) => node.stop()))
})

/** An ordinary libp2p node on loopback, as anybody would make one; it is stopped after the test. */
export async function plainNode<S extends ServiceMap>(services: ServiceFactoryMap<S>): Promise<Libp2p<S>> {
  const all: ServiceFactoryMap<ServiceMap> = { identify: identify(), ...(services as ServiceFactoryMap<ServiceMap>) }
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    connectionManager: { reconnectRetries: 0 },
    services: all
  })
  running.push(node)
  return node as unknown as Libp2p<S>
}

/** A node with hello, and all that it has said. */
export interface Greeter {
  node: Libp2p<{ hello: HelloService }>
  service: HelloService
  clock: FakeClock
  reporter: RecordingReporter
  greeted: Array<HelloEvents['greeted']['detail']>
  foreign: Array<HelloEvents['foreign']['detail']>
  refused: Array<HelloEvents['refused']['detail']>
}

/** Makes a {@link Greeter}, of network "test" unless told otherwise. */
export async function greeter(init: Partial<HelloInit> = {}): Promise<Greeter> {
  const clock = new FakeClock()
  const reporter = recordingReporter()
  const node = await plainNode({ hello: hello({ networkId: 'test', reporter, clock, ...init }) })
  const service = node.services.hello
  const all: Pick<Greeter, 'greeted' | 'foreign' | 'refused'> = { greeted: [], foreign: [], refused: [] }
  service.addEventListener('greeted', ({ detail }) => all.greeted.push(detail))
  service.addEventListener('foreign', ({ detail }) => all.foreign.push(detail))
  service.addEventListener('refused', ({ detail }) => all.refused.push(detail))
  return { node, service, clock, reporter, ...all }
}

export async function dial(from: Libp2p, to: Libp2p): Promise<Connection> {
  return from.dial(to.getMultiaddrs())
}
