import { connect, type Socket } from 'node:net'
import { noise } from '@libp2p/noise'
import type { ConnectionGater, PeerId } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { FakeClock, nextEvent, until } from '@penin/testing'
import { createLibp2p, type Libp2p } from 'libp2p'
import { afterEach, describe, expect, it } from 'vitest'
import {
  Admission,
  trimmer,
  TrafficMeter,
  type AdmissionInit,
  type ConnectionLimits,
  type Refusal,
  type Trimmer,
  type TrimmerInit
} from '../src/index.js'
import { addressOf, plainNode } from './support.js'

const ends: Array<() => unknown> = []
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()))
})

type Gated = Libp2p<{ trimmer: Trimmer }> & { admission: Admission; refusals: Refusal[] }

interface GatedInit extends Partial<Omit<AdmissionInit, 'limits'>> {
  limits: ConnectionLimits
  trim?: Partial<TrimmerInit>
  /** Where inbound connections seem to come from, one after the other. */
  sources?: string[]
}

/** A libp2p node whose connections are limited by nothing but admission and trimmer, as a program would set them up. */
async function gated({ trim, sources = [], ...init }: GatedInit): Promise<Gated> {
  const refusals: Refusal[] = []
  const self: { node?: Gated } = {}
  const admission = new Admission({
    onRefusal: (refusal) => refusals.push(refusal),
    ...(trim == null ? {} : { makeRoom: async (newcomer) => self.node?.services.trimmer.makeRoom(newcomer) ?? false }),
    ...init
  })
  const service = trimmer({
    limits: init.limits,
    target: init.limits.total,
    clock: init.clock,
    release: (peer) => {
      void self.node?.hangUp(peer).catch(() => undefined)
    },
    ...trim
  })
  const libp2p = await createLibp2p({
    connectionGater: seemingFrom(sources, admission.gater),
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    connectionManager: {
      maxConnections: 10_000,
      inboundConnectionThreshold: 10_000,
      maxIncomingPendingConnections: 10_000,
      reconnectRetries: 0
    },
    services: { trimmer: service }
  })
  ends.push(async () => libp2p.stop())
  self.node = Object.assign(libp2p as unknown as Libp2p<{ trimmer: Trimmer }>, { admission, refusals })
  return self.node
}

/** All of a test comes from loopback, which is one group. */
function seemingFrom(sources: string[], gater: ConnectionGater): ConnectionGater {
  return {
    ...gater,
    denyInboundConnection: (raw) => {
      const source = sources.shift()
      if (source != null) {
        ;(raw as { remoteAddr: unknown }).remoteAddr = multiaddr(`${source}/tcp/1000`)
      }
      return gater.denyInboundConnection?.(raw) ?? false
    }
  }
}

async function crowd(count: number): Promise<Libp2p[]> {
  return Promise.all(Array.from({ length: count }, async () => plainNode()))
}

const isConnected = (node: Libp2p, other: Libp2p): boolean => node.getConnections(other.peerId).length > 0

/** A raw TCP connection that says `bytes` and nothing more. */
async function rawSocket(node: Libp2p, bytes: Uint8Array | string = ''): Promise<Socket> {
  const port = addressOf(node)
    .getComponents()
    .find(({ name }) => name === 'tcp')?.value
  const socket = connect(Number(port), '127.0.0.1')
  ends.push(() => socket.destroy())
  socket.on('error', () => undefined)
  socket.write(bytes)
  await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve)) // it may be cut even before
  return socket
}

const frame = (text: string): string => `${String.fromCharCode(text.length + 1)}${text}\n`

/** Where a handshake can be left: before it, after the first line, before the keys, and in the midst of them. */
const STAGES = [
  '',
  frame('/multistream/1.0.0'),
  frame('/multistream/1.0.0') + frame('/noise'),
  `${frame('/multistream/1.0.0')}${frame('/noise')}\0\x20abc`
]

describe('Admission in a libp2p node', () => {
  it('holds its limit in a libp2p node when a crowd dials at the same moment', async () => {
    const traffic = new TrafficMeter()
    const limits = { inbound: 2, outbound: 2, total: 2, minOutbound: 0 }
    const full = await gated({ limits, traffic })
    const others = await crowd(5)
    await Promise.allSettled(others.map(async (node) => node.dial(addressOf(full))))
    await until(() => full.getConnections().length === 2 && full.refusals.length === 3)
    expect(full.admission.refused['too-many-inbound']).toBe(3)
    const refused = others.filter(({ peerId }) => full.getConnections(peerId).length === 0)
    expect(full.refusals.map(({ peer, limit }) => [peer?.toString(), limit]).sort()).toEqual(
      refused.map(({ peerId }) => [peerId.toString(), 2]).sort()
    )
    await until(() => refused.every((node) => node.getConnections().length === 0))
    const [connection] = full.getConnections()
    expect(traffic.of(connection as never)?.bytesIn).toBeGreaterThan(0)
    expect(traffic.of(connection as never)?.bytesOut).toBeGreaterThan(0)
  })

  it('has places for outbound, persistent and unconditional peers when strangers have taken all inbound ones', async () => {
    const [persistent, unconditional, chosen, ...strangers] = (await crowd(8)) as [Libp2p, Libp2p, Libp2p, ...Libp2p[]]
    const full = await gated({
      limits: { inbound: 3, outbound: 1, total: 4, minOutbound: 1 },
      isExempt: (peer: PeerId) => peer.equals(persistent.peerId),
      isUnconditional: (peer: PeerId) => peer.equals(unconditional.peerId)
    })
    await Promise.allSettled(strangers.map(async (node) => node.dial(addressOf(full))))
    await until(() => full.refusals.length === 2)
    await persistent.dial(addressOf(full))
    await unconditional.dial(addressOf(full))
    await full.dial(addressOf(chosen))
    await until(() => full.getConnections().length === 6)
    expect([persistent, unconditional, chosen].map((node) => isConnected(full, node))).toEqual([true, true, true])
    expect(full.admission.counts).toEqual({ inbound: 3, outbound: 1 })
  })

  it('lets an honest peer in while hundreds of connections stall at every stage of the handshake', async () => {
    const clock = new FakeClock()
    const limits = { inbound: 24, outbound: 8, total: 32, minOutbound: 8 }
    const node = await gated({ limits, clock })
    const [honest] = (await crowd(1)) as [Libp2p]
    const sockets = await Promise.all(
      Array.from({ length: 300 }, async (_, n) => rawSocket(node, STAGES[n % STAGES.length]))
    )
    await until(() => node.admission.handshakes === 256 && node.admission.refused['too-many-handshakes'] === 44)
    expect(node.admission.counts.inbound).toBe(0)
    clock.tick(1_000)
    await honest.dial(addressOf(node))
    await until(() => isConnected(node, honest))
    expect(node.admission.refused['too-many-handshakes']).toBe(45)
    clock.tick(7_000)
    expect(node.admission.refused['slow-handshake']).toBe(255)
    expect(node.admission.handshakes).toBe(0)
    await until(() => sockets.every(({ destroyed }) => destroyed))
    expect(isConnected(node, honest)).toBe(true)
  })

  it('answers a banned source with no byte at all, and does not dial it', async () => {
    const limits = { inbound: 24, outbound: 8, total: 32, minOutbound: 8 }
    const node = await gated({ limits, bans: { isBanned: () => false, isGroupBanned: () => true } })
    const socket = await rawSocket(node, STAGES[2])
    let answered = 0
    socket.on('data', (data) => (answered += data.length))
    await until(() => socket.closed)
    expect(answered).toBe(0)
    const [other] = (await crowd(1)) as [Libp2p]
    await expect(other.dial(addressOf(node))).rejects.toThrow()
    await expect(node.dial(addressOf(other))).rejects.toThrow(/denied/)
    expect(node.refusals.map(({ reason, direction }) => [reason, direction])).toEqual([
      ['group-banned', 'inbound'],
      ['group-banned', 'inbound'],
      ['group-banned', 'outbound']
    ])
  })

  it('refuses a banned peer on return, whose connections were cut with the ban', async () => {
    const banned = new Set<string>()
    const limits = { inbound: 24, outbound: 8, total: 32, minOutbound: 8 }
    const bans = { isBanned: (peer: PeerId) => banned.has(peer.toString()), isGroupBanned: () => false }
    const node = await gated({ limits, bans })
    const [bad] = (await crowd(1)) as [Libp2p]
    await bad.dial(addressOf(node))
    await until(() => isConnected(node, bad))
    banned.add(bad.peerId.toString())
    node.services.trimmer.closeBanned(bad.peerId)
    await until(() => bad.getConnections().length === 0 && node.getConnections().length === 0)
    await bad.dial(addressOf(node)).catch(() => undefined)
    await until(() => node.admission.refused.banned === 1)
    await expect(node.dial(addressOf(bad))).rejects.toThrow()
    await until(() => bad.getConnections().length === 0) // it may have taken itself for connected, for a moment
    banned.clear()
    await bad.dial(addressOf(node))
    await until(() => isConnected(node, bad))
  })
})

describe('Admission and Trimmer together', () => {
  it('let the youngest of a large group go for a newcomer of a small one, and never have more than the limit', async () => {
    const sources = ['12.0.0.1', '11.0.1.1', '11.0.2.1', '11.0.3.1', '11.0.4.1', '11.0.5.1', '13.0.0.1', '11.0.6.1']
    const limits = { inbound: 6, outbound: 6, total: 6, minOutbound: 0 }
    const node = await gated({ limits, trim: {}, sources: sources.map((ip) => `/ip4/${ip}`) })
    let most = 0
    node.addEventListener('peer:connect', () => {
      most = Math.max(most, node.getConnections().filter(({ status }) => status === 'open').length)
    })
    const others = await crowd(8)
    for (const other of others.slice(0, 6)) {
      await other.dial(addressOf(node))
      await until(() => isConnected(node, other))
    }
    const newcomer = others[6] as Libp2p
    const gone = nextEvent<CustomEvent<PeerId>>(node, 'peer:disconnect')
    await newcomer.dial(addressOf(node))
    await until(() => isConnected(node, newcomer))
    expect((await gone).detail.equals((others[5] as Libp2p).peerId)).toBe(true)
    expect(node.services.trimmer.dropped['largest-group']).toBe(1)
    expect(isConnected(node, others[0] as Libp2p)).toBe(true)

    // one more of the large group takes nobody's place: not even another's of its own, or they would take turns for ever
    await (others[7] as Libp2p).dial(addressOf(node)).catch(() => undefined)
    await until(() => node.refusals.length === 1)
    expect(node.refusals).toMatchObject([{ reason: 'too-many-inbound', limit: 6 }])
    expect([0, 6].map((n) => isConnected(node, others[n] as Libp2p))).toEqual([true, true])
    expect(node.getConnections()).toHaveLength(6)
    expect(most).toBe(6)
  })

  it('let more in than there are places for, and let them go again within fifteen seconds', async () => {
    const clock = new FakeClock({ now: Date.now() })
    const limits = { inbound: 3, outbound: 3, total: 4, minOutbound: 1 }
    const node = await gated({ limits, clock, overflow: 4 })
    const others = await crowd(8)
    await Promise.allSettled(others.map(async (other) => other.dial(addressOf(node))))
    await until(() => node.getConnections().length === 7 && node.refusals.length === 1)
    await node.dial(addressOf(others.find((other) => !isConnected(node, other)) as Libp2p))
    clock.tick(8_000)
    expect(node.getConnections()).toHaveLength(8)
    const told = node.getConnections().filter((connection) => node.admission.surplusOf(connection) != null)
    expect(told.length).toBeGreaterThanOrEqual(3)
    clock.tick(4_000)
    await until(() => node.getConnections().length === 4)
    expect(node.admission.counts).toEqual({ inbound: 3, outbound: 1 })
    expect(node.services.trimmer.dropped['over-target']).toBe(4)
  })
})
