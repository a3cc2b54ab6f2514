import type { Connection, Stream } from '@libp2p/interface'
import { FakeClock, lifecycleCompliance, seededRng, until } from '@penin/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { heartbeat, PING_PROTOCOL, pingConnection, type DeadConnectionError, type Heartbeat } from '../src/index.js'
import type { HeartbeatInit, TrafficMeter } from '../src/index.js'
import { addressOf, plainNode } from './support.js'

/** A connection on which streams never open, or fail at once, and which notes how it ends. */
class StubConnection {
  status = 'open'
  rtt?: number
  reason?: Error
  pings = 0
  bytesIn = 0
  fails?: Error

  async newStream(protocol: string, { signal }: { signal: AbortSignal }): Promise<Stream> {
    expect(protocol).toBe(PING_PROTOCOL)
    this.pings++
    if (this.fails != null) {
      throw this.fails
    }
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        reject(signal.reason as Error)
      })
    })
  }

  abort(reason: Error): void {
    this.status = 'aborted'
    this.reason = reason
  }
}

const unsupported = Object.assign(new RangeError('no'), { name: 'UnsupportedProtocolError' })

lifecycleCompliance(
  'heartbeat',
  (clock) =>
    heartbeat({ clock })({
      connectionManager: { getConnections: () => [new StubConnection() as unknown as Connection] }
    }),
  { describe, it }
)

describe('heartbeat', () => {
  let clock: FakeClock
  let stub: StubConnection
  let dead: DeadConnectionError[]
  beforeEach(() => {
    clock = new FakeClock()
    stub = new StubConnection()
    dead = []
  })

  function start(init: HeartbeatInit = {}): Heartbeat {
    const service = heartbeat({
      clock,
      rng: seededRng(1),
      traffic: { of: () => ({ bytesIn: stub.bytesIn, bytesOut: 0 }) } as unknown as TrafficMeter,
      onDead: (_connection, reason) => dead.push(reason),
      ...init
    })({ connectionManager: { getConnections: () => [stub as unknown as Connection] } })
    void service.start()
    return service
  }

  it('closes a connection after exactly three failed pings, not before', async () => {
    const service = start()
    await clock.tickAsync(99_999) // pings at 30, 60 and 90 s, each given up after 10 s
    expect([stub.pings, stub.status, service.pulse(stub as never)?.failures]).toEqual([3, 'open', 2])
    await clock.tickAsync(1)
    expect([stub.status, service.closed, dead.length]).toEqual(['aborted', 1, 1])
    expect(stub.reason).toMatchObject({ name: 'DeadConnectionError', failedPings: 3, silentFor: 70_000 })
  })

  it('does not close one that has failed three pings but was silent for less than a minute', async () => {
    start({ timeout: 1_000, interval: 2_000 })
    await clock.tickAsync(61_999)
    expect([stub.pings, stub.status]).toEqual([30, 'open'])
    await clock.tickAsync(1_001)
    expect(stub.status).toBe('aborted')
  })

  it('spares a connection that misses pings but carries other traffic', async () => {
    const service = start()
    for (let minute = 0; minute < 60; minute++) {
      await clock.tickAsync(50_000)
      stub.bytesIn += 100
    }
    expect([stub.status, service.closed]).toEqual(['open', 0])
    expect(service.pulse(stub as never)?.failures).toBeGreaterThan(50)
    await clock.tickAsync(120_000)
    expect(stub.status).toBe('aborted')
  })

  it('begins to count anew when a ping has succeeded', async () => {
    const service = start()
    await clock.tickAsync(89_000)
    expect(service.pulse(stub as never)?.failures).toBe(2)
    stub.fails = unsupported // a peer that does not know ping has answered
    await clock.tickAsync(1_000)
    expect(service.pulse(stub as never)?.failures).toBe(0)
    stub.fails = undefined
    await clock.tickAsync(99_000)
    expect(stub.status).toBe('open')
    await clock.tickAsync(20_000)
    expect(stub.status).toBe('aborted')
  })

  it('never pings a connection twice at a time, and not at all when it is closing', async () => {
    const service = start()
    void service.beat()
    void service.beat()
    await clock.tickAsync(0)
    expect(stub.pings).toBe(1)
    await clock.tickAsync(10_000)
    stub.status = 'closing'
    await service.beat()
    expect(stub.pings).toBe(1)
  })

  it('tells how each ping went', async () => {
    const rtts: number[] = []
    const service = start({ onPing: (connection, rtt) => rtts.push(connection === (stub as never) ? rtt : NaN) })
    await clock.tickAsync(40_000)
    expect(rtts).toEqual([Infinity])
    stub.fails = unsupported
    await clock.tickAsync(20_000)
    expect(rtts).toEqual([Infinity, 0])
    stub.fails = undefined
    await clock.tickAsync(35_000)
    await service.stop() // a ping is under way
    await clock.tickAsync(10_000)
    expect(rtts).toHaveLength(2)
  })

  it('does not hold a stop against the peer', async () => {
    const service = start({ maxFailures: 1, maxSilence: 0 })
    await clock.tickAsync(30_000)
    await service.stop()
    await clock.tickAsync(100_000)
    expect([stub.status, service.pulse(stub as never)?.failures]).toEqual(['open', 0])
  })
})

describe('heartbeat in a plain libp2p node', () => {
  it('keeps a healthy connection and measures its round trip', async () => {
    const clock = new FakeClock()
    const a = await plainNode({ services: { heartbeat: heartbeat({ clock }) } })
    const b = await plainNode()
    const connection = await a.dial(addressOf(b))
    for (let i = 0; i < 5; i++) {
      clock.tick(30_000)
      await a.services.heartbeat.beat()
      await until(() => a.services.heartbeat.pulse(connection)?.busy === false)
    }
    expect(connection.status).toBe('open')
    expect(a.services.heartbeat.pulse(connection)).toMatchObject({ failures: 0, aliveAt: clock.monotonic() })
    expect(a.services.heartbeat.closed).toBe(0)
    expect(connection.rtt).toBeGreaterThanOrEqual(0)
  })

  it('closes one whose other end has stopped answering', async () => {
    const clock = new FakeClock()
    const a = await plainNode({ services: { heartbeat: heartbeat({ clock }) } })
    const b = await plainNode()
    const connection = await a.dial(addressOf(b))
    await b.unhandle(PING_PROTOCOL)
    await b.handle(PING_PROTOCOL, () => {}) // accepts the stream and never echoes
    for (let beat = 1; beat <= 3; beat++) {
      expect(connection.status).toBe('open')
      clock.tick(30_000)
      await until(() => a.services.heartbeat.pulse(connection)?.busy === true)
      clock.tick(10_000)
      await until(() => a.services.heartbeat.pulse(connection)?.failures === beat)
    }
    await until(() => connection.status !== 'open')
    expect(a.services.heartbeat.closed).toBe(1)
    await until(() => b.getConnections().length === 0)
  })

  it('takes wrong bytes for no answer', async () => {
    const [a, b] = await Promise.all([plainNode(), plainNode()])
    const connection = await a.dial(addressOf(b))
    await b.unhandle(PING_PROTOCOL)
    await b.handle(PING_PROTOCOL, (stream) => {
      stream.send(new Uint8Array(32))
    })
    const ping = pingConnection(connection, {
      clock: new FakeClock(),
      rng: seededRng(1),
      signal: AbortSignal.timeout(5_000)
    })
    await expect(ping).rejects.toMatchObject({ name: 'PingFailedError' })
  })
})
