import { setTimeout as rest } from 'node:timers/promises'
import type { Side } from '../bench.js'
import { NotMeasurableError } from '../errors.js'
import { idOf, type Contender, type ContenderNode } from './contender.js'
import type { DialTimes, Memory, Method, Methods, Request, Response } from './protocol.js'

/** After a dial, until identify, hello and the DHT's ping are over at both ends, and after a hang-up likewise. */
const REST_MS = 75

/** Dials that find a connection: a DHT that has just started may connect by itself, to look for itself. */
const MAX_WASTED = 5

/** Dials of a crowd under way at once; the handshakes of more would only queue on the listener's one thread. */
const CROWD_AT_ONCE = 4

/** For one dial; libp2p gives up a handshake after 10 seconds. */
const CROWD_PATIENCE_MS = 20_000

/** Dials of one of them. */
const CROWD_TRIES = 5

/** The worker's own node. */
let node: ContenderNode | undefined
/** Further nodes, held so that they stay. */
const others: ContenderNode[] = []

/** Loaded when asked for, and only the side that is measured: its loading is part of a number. */
async function load(side: Side): Promise<Contender> {
  return side === 'ours' ? await import('./ours.js') : await import('./theirs.js')
}

const methods: { [M in Method]: (params: Methods[M]['params']) => Promise<Methods[M]['result']> } = {
  async start({ side, setup }) {
    const { createContender } = await load(side)
    const from = performance.now()
    node = await createContender(setup)
    const at = performance.now()
    return { ms: at - from, sinceProcessStart: at, address: node.address }
  },

  async dial({ address, warmUps, count }) {
    const times: DialTimes[] = []
    for (let wasted = 0; times.length < warmUps + count;) {
      const time = await own().dial(address)
      if (time !== undefined) times.push(time)
      else if (++wasted > MAX_WASTED) throw new NotMeasurableError('the peers keep connecting by themselves')
      await rest(REST_MS)
      await own().leave(address)
      await rest(REST_MS)
    }
    return times.slice(warmUps)
  },

  async crowd({ side, setup, count, address }) {
    const { createContender } = await load(side)
    let left = count
    const lane = async (): Promise<void> => {
      while (left-- > 0) {
        const made = await createContender(setup)
        others.push(made)
        await dialPatiently(made, address)
      }
    }
    await Promise.all(Array.from({ length: CROWD_AT_ONCE }, lane))
    return null
  },

  async load({ side, setup }) {
    const { createContender } = await load(side)
    await (await createContender(setup)).stop()
    return null
  },

  async join({ side, setup, count }) {
    const { createContender } = await load(side)
    const join = async (): Promise<void> => {
      const made = await createContender(setup)
      others.push(made)
      await made.ready.untilThere(idOf(setup.bootstrap ?? ''))
    }
    await Promise.all(Array.from({ length: count }, join))
    return null
  },

  async untilPeers({ count }) {
    await own().ready.untilCount(count)
    return null
  },

  async memory() {
    return await measureMemory()
  },

  async peers() {
    const { size, lost } = own().ready
    return { ready: size, lost }
  },

  async startGated({ listen }) {
    const { startGated } = await import('./gated.js')
    return await startGated(listen)
  },

  async dialInTurns({ addresses, warmUps, count }) {
    const { dialInTurns } = await import('./gated.js')
    return await dialInTurns(addresses, warmUps, count)
  },

  async bookWork({ entries }) {
    const { workWithBook } = await import('./book.js')
    return workWithBook(entries)
  },

  async bookWrite({ dataDir, entries }) {
    const { writeBook } = await import('./book.js')
    await writeBook(dataDir, entries)
    return null
  },

  async bookOpen({ dataDir }) {
    const { openBook } = await import('./book.js')
    return await openBook(dataDir)
  },

  async pexJunk({ records }) {
    const { takeJunk } = await import('./pex.js')
    return await takeJunk(records)
  },

  async pexAnswer({ records }) {
    const { answerAgain } = await import('./pex.js')
    return await answerAgain(records)
  },

  async gather({ setup, count, peers }) {
    const { createContender } = await load('ours')
    const gather = async (): Promise<void> => {
      const made = await createContender(setup)
      others.push(made)
      await made.ready.untilCount(peers)
    }
    await Promise.all(Array.from({ length: count }, gather))
    return null
  },

  async receiveMessages({ rival }) {
    const { receiveMessages } = await import('./messages/index.js')
    return await receiveMessages(rival)
  },

  async connectToReceiver({ rival, address }) {
    const { connectToReceiver } = await import('./messages/index.js')
    await connectToReceiver(rival, address)
    return null
  },

  async flood({ size, count }) {
    const { flood } = await import('./messages/index.js')
    return await flood(size, count)
  },

  async roundTrips({ size, count }) {
    const { roundTrips } = await import('./messages/index.js')
    return await roundTrips(size, count)
  },

  async cpu() {
    const { user, system } = process.cpuUsage()
    return user + system
  }
}

/** On a busy machine a handshake may time out that has to wait for many others, or what follows it. */
async function dialPatiently(made: ContenderNode, address: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await Promise.race([made.dial(address), late()])
      return
    } catch (error) {
      if (tries === CROWD_TRIES) throw error
    }
  }
}

async function late(): Promise<never> {
  await rest(CROWD_PATIENCE_MS, undefined, { ref: false })
  throw new NotMeasurableError('a dial has not ended')
}

function own(): ContenderNode {
  if (node === undefined) throw new NotMeasurableError('this worker has no node')
  return node
}

/** Twice, with a rest: finalisers of the first collection let go of more. */
async function measureMemory(): Promise<Memory> {
  for (let i = 0; i < 2; i++) {
    globalThis.gc?.()
    await rest(REST_MS)
  }
  const { heapUsed, rss } = process.memoryUsage()
  return { heap: heapUsed, rss }
}

async function answer({ id, method, params }: Request): Promise<void> {
  let response: Response
  try {
    response = { id, result: await methods[method](params as never) }
  } catch (error) {
    response = { id, error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) }
  }
  if (process.connected) process.send?.(response)
}

process.on('message', (request: Request) => void answer(request))
// Ctrl-C reaches the whole process group; the bench decides when its workers end.
process.on('SIGINT', () => undefined)
// The bench is gone, however it went: nobody is left to tell this process to end.
process.on('disconnect', () => process.exit(0))
