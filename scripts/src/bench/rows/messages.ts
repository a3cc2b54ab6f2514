import type { Bench, Numbers, RowSpec } from '../bench.js'
import type { Lab } from '../lab.js'
import { median } from '../statistics.js'
import type { RivalName } from '../workers/messages/rival.js'
import type { WorkerProcess } from '../workers/worker-process.js'

const RIVALS: readonly RivalName[] = ['ours', 'stream', 'stream-each', 'hyperdht', 'tcp']

/** Times that each rival's turn comes in one round, after one that only warms up; the median counts. */
const TURNS = 7

/** Of one turn, after as many that only warm up. */
const ROUND_TRIPS = 300

/** Bytes of a message that goes one at a time. */
const ROUND_TRIP_SIZE = 64

/** Messages after which nothing may be left behind. */
const MANY = 200_000

/** Unacknowledged messages, caches and compiled code that came in between; leaking a byte each would show. */
const LEFT_KIB = 2_048

interface Size {
  name: string
  bytes: number
  /** Messages of one turn: some tenths of a second. */
  counts: Record<RivalName, number>
  /** Ratio to the one stream that is written to one by one. */
  atMost?: number
  /** Ratio to a stream for each message. */
  atMostEach?: number
}

const sizes: readonly Size[] = [
  size('64', 64, 60_000, 6_000, 40_000, { atMost: 1 / 8, atMostEach: 1 / 50 }),
  size('256', 256, 40_000, 6_000, 40_000, { atMostEach: 1 / 50 }),
  size('1k', 1024, 20_000, 5_000, 40_000, { atMost: 1 / 3, atMostEach: 1 / 50 }),
  size('64k', 65_536, 600, 600, 2_000, { atMost: 1 / 0.9 }),
  size('1m', 1_048_576, 40, 40, 150, {})
]

function size(
  name: string,
  bytes: number,
  ours: number,
  others: number,
  tcp: number,
  bars: Pick<Size, 'atMost' | 'atMostEach'>
): Size {
  const counts = { ours, stream: others, 'stream-each': Math.min(200, others), hyperdht: others, tcp }
  return { name: `msg-${name}`, bytes, counts, ...bars }
}

/** A sender and a receiver, in fresh processes. */
async function connect(lab: Lab, rival: RivalName): Promise<Pair> {
  const [sender, receiver] = [lab.worker(), lab.worker()]
  const address = await receiver.request('receiveMessages', { rival })
  await sender.request('connectToReceiver', { rival, address })
  return [sender, receiver]
}

/** What one pair of processes has come to so far. */
interface Tally {
  times: number[]
  cpu: number[]
}

/** Every rival sends in turn, some tenths of a second at a time, so that a busy moment of the machine hits all. */
async function takeTurns(lab: Lab, { bytes, counts }: Size): Promise<Record<RivalName, Tally>> {
  const tallies = {} as Record<RivalName, Tally>
  const pairs = await connectAll(lab)
  for (let turn = 0; turn <= TURNS; turn++) {
    for (const [rival, pair] of pairs) {
      const count = counts[rival]
      const before = await cpuOf(pair)
      const time = await pair[0].request('flood', { size: bytes, count })
      const cpu = ((await cpuOf(pair)) - before) / count
      if (turn === 0)
        tallies[rival] = { times: [], cpu: [] } // it has only warmed up
      else {
        tallies[rival].times.push(time)
        tallies[rival].cpu.push(cpu)
      }
    }
  }
  return tallies
}

type Pair = readonly [sender: WorkerProcess, receiver: WorkerProcess]

async function connectAll(lab: Lab): Promise<Array<[RivalName, Pair]>> {
  const pairs: Array<[RivalName, Pair]> = []
  for (const rival of RIVALS) pairs.push([rival, await connect(lab, rival)])
  return pairs
}

async function cpuOf(pair: Pair): Promise<number> {
  const both = await Promise.all(pair.map(async (worker) => worker.request('cpu', null)))
  return both.reduce((sum, cpu) => sum + cpu, 0)
}

function throughput(size: Size): Bench {
  const { name, atMost, atMostEach } = size
  const what = `one of many messages of ${size.bytes} bytes, until all are acknowledged, over`
  const rows: RowSpec[] = [
    { name, unit: 'µs', what: `${what} one libp2p stream`, ...(atMost === undefined ? {} : { atMost }) },
    {
      name: `${name}-each`,
      unit: 'µs',
      what: `${what} a libp2p stream for each`,
      against: 'a stream each',
      ...(atMostEach === undefined ? {} : { atMost: atMostEach })
    },
    { name: `${name}-hyper`, unit: 'µs', what: `${what} a hyperdht connection`, against: 'hyperdht', atMost: 1 },
    { name: `${name}-tcp`, unit: 'µs', what: `${what} a TCP socket`, against: 'TCP' },
    { name: `${name}-cpu`, unit: 'µs', what: 'CPU time of both processes for it, over one libp2p stream' }
  ]
  return {
    rows,
    rounds: 3,
    async measureBoth(lab) {
      const tallies = await takeTurns(lab, size)
      const time = (rival: RivalName): number => median(tallies[rival].times)
      const cpu = (rival: RivalName): number => median(tallies[rival].cpu)
      const five = (numbers: readonly number[]): Numbers =>
        Object.fromEntries(rows.map((row, n) => [row.name, numbers[n] ?? Number.NaN]))
      return {
        ours: five([...Array<number>(4).fill(time('ours')), cpu('ours')]),
        theirs: five([time('stream'), time('stream-each'), time('hyperdht'), time('tcp'), cpu('stream')])
      }
    }
  }
}

/** One message at a time: until it is acknowledged, against until it has come back. */
const roundTrip: Bench = {
  rows: [
    { name: 'msg-rtt', unit: 'µs', what: 'one message at a time, until acknowledged, over an echo, p50', atMost: 1.3 },
    { name: 'msg-rtt-p99', unit: 'µs', what: 'the same, p99' },
    { name: 'msg-rtt-each', unit: 'µs', what: 'over a libp2p stream for each, p50', against: 'a stream each' },
    { name: 'msg-rtt-hyper', unit: 'µs', what: 'over an echo of hyperdht, p50', against: 'hyperdht' },
    { name: 'msg-rtt-tcp', unit: 'µs', what: 'over an echo of a TCP socket, p50', against: 'TCP' }
  ],
  rounds: 3,

  async measureBoth(lab) {
    const pairs = await connectAll(lab)
    const taken = new Map<RivalName, Array<{ p50: number; p99: number }>>(RIVALS.map((rival) => [rival, []]))
    for (let turn = 0; turn < TURNS; turn++) {
      for (const [rival, [sender]] of pairs) {
        taken.get(rival)?.push(await sender.request('roundTrips', { size: ROUND_TRIP_SIZE, count: ROUND_TRIPS }))
      }
    }
    const p50 = (rival: RivalName): number => median(taken.get(rival)?.map((times) => times.p50) ?? [])
    const p99 = (rival: RivalName): number => median(taken.get(rival)?.map((times) => times.p99) ?? [])
    const own = p50('ours')
    return {
      ours: {
        'msg-rtt': own,
        'msg-rtt-p99': p99('ours'),
        'msg-rtt-each': own,
        'msg-rtt-hyper': own,
        'msg-rtt-tcp': own
      },
      theirs: {
        'msg-rtt': p50('stream'),
        'msg-rtt-p99': p99('stream'),
        'msg-rtt-each': p50('stream-each'),
        'msg-rtt-hyper': p50('hyperdht'),
        'msg-rtt-tcp': p50('tcp')
      }
    }
  }
}

/** What many messages leave behind. */
const heap: Bench = {
  rows: [
    {
      name: 'msg-heap',
      unit: 'KiB',
      what: `heap of both processes that ${MANY} messages leave behind`,
      limit: LEFT_KIB
    }
  ],
  rounds: 2,
  alone: true,

  async measure(_side, lab) {
    const pair = await connect(lab, 'ours')
    const held = async (): Promise<number> => {
      const both = await Promise.all(pair.map(async (worker) => worker.request('memory', null)))
      return both.reduce((sum, { heap }) => sum + heap, 0)
    }
    await pair[0].request('flood', { size: ROUND_TRIP_SIZE, count: MANY })
    const before = await held()
    await pair[0].request('flood', { size: ROUND_TRIP_SIZE, count: MANY })
    return { 'msg-heap': ((await held()) - before) / 1024 }
  }
}

export const messageBenches: readonly Bench[] = [...sizes.map(throughput), roundTrip, heap]
