import { randomBytes } from 'node:crypto'
import { NotMeasurableError } from '../../errors.js'
import { median } from '../../statistics.js'
import type { Rival, RivalName, Sender } from './rival.js'

let sender: Sender | undefined

/** Loaded when asked for: nobody measures with the code of others around. */
async function load(name: RivalName): Promise<Rival> {
  switch (name) {
    case 'ours':
      return (await import('./libp2p.js')).ours
    case 'stream':
      return (await import('./libp2p.js')).stream
    case 'stream-each':
      return (await import('./libp2p.js')).streamEach
    case 'hyperdht':
      return await import('./hyperdht.js')
    case 'tcp':
      return await import('./tcp.js')
  }
}

export async function receiveMessages(name: RivalName): Promise<string> {
  return (await (await load(name)).receive()).address
}

export async function connectToReceiver(name: RivalName, address: string): Promise<void> {
  sender = await (await load(name)).connect(address)
}

/** Microseconds for one message. */
export async function flood(size: number, count: number): Promise<number> {
  const payload = randomBytes(size)
  const from = performance.now()
  await connected().flood(payload, count)
  return ((performance.now() - from) * 1000) / count
}

/** Microseconds for one at a time; the first half only warms up. */
export async function roundTrips(size: number, count: number): Promise<{ p50: number; p99: number }> {
  const payload = randomBytes(size)
  const times: number[] = []
  for (let n = 0; n < 2 * count; n++) {
    const from = performance.now()
    await connected().once(payload)
    if (n >= count) times.push((performance.now() - from) * 1000)
  }
  return { p50: median(times), p99: times.toSorted((a, b) => a - b)[Math.floor(0.99 * count)] ?? Number.NaN }
}

function connected(): Sender {
  if (sender === undefined) throw new NotMeasurableError('this worker is not connected')
  return sender
}
