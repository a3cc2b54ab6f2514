import type { Stream } from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PeninError, singleFrames, type FrameFault, type SingleFrames } from '../src/index.js'

class BadFrameError extends PeninError {
  static override readonly name = 'BadFrameError'

  constructor(
    readonly problem: string,
    readonly fault: FrameFault
  ) {
    super(problem)
  }
}

const MAX = 200
const init = { maxBytes: MAX, onMalformed: (problem: string, fault: FrameFault) => new BadFrameError(problem, fault) }

async function pair(maxBytes = MAX): Promise<{ near: Stream; far: Stream; frames: SingleFrames }> {
  const [near, far] = await streamPair({ protocol: '/test/1.0.0', delay: 0 })
  return { near, far, frames: singleFrames(far, { ...init, maxBytes }) }
}

const inTime = (): AbortSignal => AbortSignal.timeout(5_000)

const failure = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'none',
    (error: unknown) => error
  )

const turn = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('singleFrames', () => {
  it.each([0, 1, 127, 128, 16_383, 16_384, 65_536])('carries %i bytes each way', async (length) => {
    const [near, far] = await streamPair({ protocol: '/test/1.0.0', delay: 0 })
    const [a, b] = [near, far].map((stream) => singleFrames(stream, { ...init, maxBytes: 65_536 })) as [
      SingleFrames,
      SingleFrames
    ]
    const bytes = Uint8Array.from({ length }, (_, i) => i * 7)
    await a.write(bytes, inTime())
    expect(Buffer.compare(await b.read(inTime()), bytes)).toBe(0)
    await b.write(bytes, inTime())
    await far.close()
    expect(Buffer.compare(await a.read(inTime()), bytes)).toBe(0)
    await expect(a.end(inTime())).resolves.toBeUndefined()
  })

  const bad: Array<[string, number[], string]> = [
    ['a message that is one byte too long, at its prefix', [201, 1], '201 bytes'],
    ['the longest length that its prefix can say', [255, 127], '16383 bytes'],
    ['a prefix that is longer than that of the longest message', [128, 128], 'its length prefix is too long'],
    ['a prefix without an end', Array<number>(150).fill(255), 'its length prefix is too long'],
    ['a message that is too long, and comes all at once', [144, 78, ...Array<number>(10_000)], '10000 bytes']
  ]
  it.each(bad)('refuses %s', async (_what, bytes, problem) => {
    const { near, frames } = await pair()
    near.send(Uint8Array.from(bytes))
    expect(await failure(frames.read(inTime()))).toMatchObject({ name: 'BadFrameError', problem, fault: 'malformed' })
  })

  it('refuses a message that the other end stops in its midst, in the prefix as well', async () => {
    for (const bytes of [[10, 1, 2], [128]]) {
      const { near, frames } = await pair()
      near.send(Uint8Array.from(bytes))
      await near.close()
      const problem = 'it ends in the middle'
      expect(await failure(frames.read(inTime()))).toMatchObject({ name: 'BadFrameError', problem, fault: 'malformed' })
    }
  })

  it('refuses one that had come and ended before anybody read', async () => {
    const [near, far] = await streamPair({ protocol: '/test/1.0.0', delay: 0 })
    near.send(Uint8Array.of(10, 1, 2))
    await near.close()
    while (far.remoteWriteStatus === 'writable') {
      await turn()
    }
    expect(await failure(singleFrames(far, init).read(inTime()))).toMatchObject({ name: 'BadFrameError' })
  })

  it('takes it for nobody’s fault when the other end says nothing at all', async () => {
    const { near, frames } = await pair()
    await near.close()
    expect(await failure(frames.read(inTime()))).toMatchObject({ name: 'UnfinishedFrameError', received: 0 })
  })

  it('refuses whatever follows the message, and waits for the end if nothing does', async () => {
    const { near, frames } = await pair()
    near.send(Uint8Array.of(1, 7))
    expect([...(await frames.read(inTime()))]).toEqual([7])
    const ended = failure(frames.end(inTime()))
    near.send(Uint8Array.of(0))
    expect(await ended).toMatchObject({ name: 'BadFrameError', fault: 'unsolicited' })
  })

  it('holds no more than the longest message: who goes on sending has its stream aborted', async () => {
    const { near, far, frames } = await pair()
    near.send(Uint8Array.of(1, 7))
    expect([...(await frames.read(inTime()))]).toEqual([7])
    for (let i = 0; i < 100 && far.status === 'open'; i++) {
      near.send(new Uint8Array(100))
      await turn()
    }
    expect(far.status).toBe('aborted')
    expect(await failure(frames.end(inTime()))).toMatchObject({ fault: 'unsolicited' })
  })

  it('gives up when its signal aborts, while reading, waiting for the end or before writing', async () => {
    const reason = new RangeError('late')
    const { near, frames } = await pair()
    const [reading, ending] = [new AbortController(), new AbortController()]
    const read = failure(frames.read(reading.signal))
    reading.abort(reason)
    expect(await read).toBe(reason)
    near.send(Uint8Array.of(0))
    await frames.read(inTime())
    const end = failure(frames.end(ending.signal))
    ending.abort(reason)
    expect(await end).toBe(reason)
    expect(await failure(frames.write(new Uint8Array(3), ending.signal))).toBe(reason)
  })

  it('reads what comes a byte at a time', async () => {
    const { near, frames } = await pair(4_000)
    const read = frames.read(inTime())
    for (const byte of [184, 23, ...Array<number>(3_000).fill(5)]) {
      near.send(Uint8Array.of(byte))
    }
    expect((await read).length).toBe(3_000)
  })
})

/** How a stream can end without its user having meant it. */
const ends: Record<string, (stream: Stream) => void> = {
  'the connection broke': (stream) => {
    ;(stream as Stream & { onTransportClosed: () => void }).onTransportClosed()
  },
  'the connection broke with an error': (stream) => {
    ;(stream as Stream & { onTransportClosed: (error: Error) => void }).onTransportClosed(new RangeError('ECONNRESET'))
  },
  'the other end was reset': (stream) => {
    ;(stream as Stream & { onRemoteReset: () => void }).onRemoteReset()
  },
  'time was up': (stream) => {
    stream.abort(new RangeError('late'))
  }
}

it('A6: an honest message is never malformed, whatever the network cuts it into and wherever it ends', async () => {
  const body = Array.from({ length: 150 }, (_, i) => i)
  const message = Uint8Array.of(150, 1, ...body)
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: message.length }), { maxLength: 6 }),
      fc.nat(message.length),
      fc.constantFrom(...Object.keys(ends)),
      async (cuts, length, end) => {
        const { near, far, frames } = await pair()
        const reading = frames.read(inTime()).then(
          (bytes) => [...bytes],
          ({ name }: Error) => name
        )
        const places = [...new Set([0, ...cuts.filter((cut) => cut < length), length])].sort((a, b) => a - b)
        for (const [i, place] of places.entries()) {
          near.send(message.slice(place, places[i + 1] ?? place))
          await Promise.resolve()
        }
        if (length === message.length) {
          expect(await reading).toEqual(body)
          return
        }
        await turn()
        ends[end]?.(far)
        expect(await reading).not.toBe('BadFrameError')
        near.abort(new RangeError('done'))
      }
    ),
    { numRuns: 60 }
  )
})
