import { identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { peerKeeper, Reputation, TrafficMeter, trimmer } from '@penin/connection-manager'
import { systemClock, systemRng } from '@penin/interface'
import { AddressBook } from '@penin/peer-store'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { setTimeout as rest } from 'node:timers/promises'
// How a node wires its gater is measured, and none of the other things that a node does.
import { profileDefaults } from '../../../../packages/node/dist/config/defaults.js'
import { nodeAdmission, trimmerInit, type GateParts } from '../../../../packages/node/dist/gates.js'
import { connectionLimits, type NodeServices } from '../../../../packages/node/dist/libp2p.js'
import { ReputationWiring } from '../../../../packages/node/dist/reputation-wiring.js'
import type { Side } from '../bench.js'
import { NotMeasurableError } from '../errors.js'
import { leavePeer } from './contender.js'

/** After a dial, for identify to be over at both ends; after a hang-up, for the closing. */
const REST_MS = 25

interface Dialler {
  libp2p: Libp2p
  dial: (address: string) => Promise<unknown>
}

/** One of each side, in one process: both meet the same moments of the machine. */
let diallers: Record<Side, Dialler> | undefined

/** Makes a plain libp2p node and one with gater, keeper and trimmer; answers with where they listen, if they do. */
export async function startGated(listen: boolean): Promise<Record<Side, string>> {
  diallers = { ours: await gated(listen), theirs: await plain(listen) }
  const { ours, theirs } = diallers
  return { ours: addressOf(ours), theirs: addressOf(theirs) }
}

/** Dials, one of each side after the other and each first in turn: milliseconds. */
export async function dialInTurns(addresses: Record<Side, string>, warmUps: number, count: number): Promise<Times> {
  if (diallers === undefined) throw new NotMeasurableError('this worker has no nodes')
  const times: Times = { ours: [], theirs: [] }
  for (let i = 0; i < warmUps + count; i++) {
    for (const side of i % 2 === 0 ? (['ours', 'theirs'] as const) : (['theirs', 'ours'] as const)) {
      const ms = await dialOnce(diallers[side], addresses[side])
      if (i >= warmUps) times[side].push(ms)
    }
  }
  return times
}

type Times = Record<Side, number[]>

async function dialOnce({ libp2p, dial }: Dialler, address: string): Promise<number> {
  if (libp2p.getConnections().length > 0) throw new NotMeasurableError('there is a connection already')
  const from = performance.now()
  await dial(address)
  const ms = performance.now() - from
  await rest(REST_MS)
  await leavePeer(libp2p, address)
  await rest(REST_MS)
  return ms
}

function addressOf({ libp2p }: Dialler): string {
  const [address] = libp2p.getMultiaddrs()
  return address === undefined ? '' : `${address.toString().split('/p2p/')[0] ?? ''}/p2p/${libp2p.peerId.toString()}`
}

function common(listen: boolean): Libp2pOptions {
  return {
    addresses: { listen: listen ? ['/ip4/127.0.0.1/tcp/0'] : [] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false }
  }
}

async function plain(listen: boolean): Promise<Dialler> {
  const libp2p = await createLibp2p({
    ...common(listen),
    connectionManager: { inboundConnectionThreshold: Infinity },
    services: { identify: identify(), ping: ping() }
  })
  return { libp2p, dial: async (address) => libp2p.dial(multiaddr(address)) }
}

async function gated(listen: boolean): Promise<Dialler> {
  const config = profileDefaults()
  const [clock, rng] = [systemClock, systemRng]
  const book = new AddressBook({ selfId: 'nobody', secret: rng.bytes(16), clock, rng })
  const reputation = new Reputation({ clock })
  const running: { services?: NodeServices } = {}
  const gates: GateParts = {
    config,
    book,
    reputation,
    geo: undefined,
    services: () => running.services,
    messageWatch: { look: () => ({ takenAt: undefined, usefulAt: undefined }) }, // there are no messages
    onRefusal: () => undefined,
    onPromoted: () => undefined,
    traffic: new TrafficMeter(),
    clock,
    rng
  }
  const limits = connectionLimits(config)
  const libp2p = await createLibp2p({
    ...common(listen),
    connectionGater: nodeAdmission(gates).gater,
    connectionManager: {
      maxConnections: Number.MAX_SAFE_INTEGER,
      inboundConnectionThreshold: Number.MAX_SAFE_INTEGER,
      maxIncomingPendingConnections: Number.MAX_SAFE_INTEGER,
      reconnectRetries: 0
    },
    services: {
      identify: identify(),
      ping: ping(),
      keeper: peerKeeper({
        book,
        target: 0,
        feelerInterval: 86_400_000, // a feeler in the midst would be a connection too many
        limits,
        scoreOf: (id) => reputation.score(id),
        acceptAll: false,
        clock,
        rng
      }),
      trimmer: trimmer(trimmerInit(gates))
    }
  })
  const node = libp2p as unknown as Libp2p<NodeServices>
  running.services = node.services
  // In a node hello says who is one of us, at about the same time.
  node.addEventListener('peer:identify', ({ detail }) => {
    node.services.keeper.accept(detail.connection)
  })
  new ReputationWiring({ reputation, book, clock, signOfLife: 40_000 }).attach(node)
  return {
    libp2p: node,
    dial: async (address) => node.services.keeper.dial({ addresses: [multiaddr(address)] })
  }
}
