import { EventEmitter } from 'node:events'
import type { Clock } from '@penin/interface'
import { describe, expect, it } from 'vitest'
import { EXIT, exitCodeOf, Log, runDaemon, type DaemonInit } from '../src/index.js'

class FakeProcess extends EventEmitter {
  readonly stdout = new EventEmitter()
  text = ''
  readonly stderr = { write: (text: string): unknown => (this.text += text) }
}

/** Timers fire when the test says so. */
class ManualClock implements Clock {
  readonly timers: Array<{ fn: () => void; ms: number }> = []
  now(): number {
    return 0
  }
  monotonic(): number {
    return 0
  }
  setTimeout(fn: () => void, ms: number): { clear(): void } {
    this.timers.push({ fn, ms })
    return { clear: () => undefined }
  }
  setInterval(): { clear(): void } {
    return { clear: () => undefined }
  }
}

function daemon(init: Partial<DaemonInit> = {}): {
  process: FakeProcess
  clock: ManualClock
  exits: number[]
  lines: string[]
  stops: () => number
  code: Promise<number>
} {
  const process = new FakeProcess()
  const clock = new ManualClock()
  const exits: number[] = []
  const lines: string[] = []
  let stops = 0
  const log = new Log({ json: true, write: (line) => lines.push((JSON.parse(line) as { event: string }).event), clock })
  const stop = async (): Promise<void> => {
    stops++
  }
  const code = runDaemon({
    program: 'test',
    log,
    process: process,
    clock,
    exit: (exit) => exits.push(exit),
    start: async () => ({ stop }),
    ...init
  })
  return { process, clock, exits, lines, stops: () => stops, code }
}

const turn = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('a daemon', () => {
  it.for(['SIGINT', 'SIGTERM', 'SIGHUP', 'disconnect'])('stops in order on %s', async (signal) => {
    const { process, code, stops, lines } = daemon()
    await turn()
    process.emit(signal)
    expect(await code).toBe(0)
    expect(stops()).toBe(1)
    expect(lines.at(-1)).toBe('stopped')
  })

  it.for([
    ['SIGINT', 130],
    ['SIGTERM', 143]
  ] as const)('a second signal, %s, ends it at once with %i', async ([signal, expected]) => {
    const { process, exits } = daemon({ start: async () => ({ stop: async () => new Promise<void>(() => undefined) }) })
    await turn()
    process.emit('SIGTERM')
    process.emit(signal)
    expect(exits).toEqual([expected])
  })

  it('is cut off if it does not stop in time', async () => {
    const { process, exits, clock } = daemon({
      start: async () => ({ stop: async () => new Promise<void>(() => undefined) })
    })
    await turn()
    process.emit('SIGTERM')
    await turn()
    const [limit] = clock.timers
    expect(limit?.ms).toBeLessThan(5_000)
    limit?.fn()
    expect(exits).toEqual([1])
    expect(process.text).toContain('not stopped')
  })

  it('told to stop while it starts, it gives up starting and that is no error', async () => {
    const { process, code } = daemon({
      start: async (signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reject(signal.reason as Error)
          })
        })
    })
    process.emit('SIGINT')
    expect(await code).toBe(0)
    expect(process.text).toBe('')
  })

  it('told to stop too late for giving up, it stops what has started', async () => {
    const gate = Promise.withResolvers<void>()
    let stopped = false
    const { process, code } = daemon({
      start: async () => {
        await gate.promise
        return { stop: async () => void (stopped = true) }
      }
    })
    process.emit('SIGTERM')
    gate.resolve()
    expect(await code).toBe(0)
    expect(stopped).toBe(true)
  })

  it('SIGHUP rereads where that means something, and stops nothing', async () => {
    let hangUps = 0
    const { process, stops, code } = daemon({ onHangUp: () => hangUps++ })
    process.emit('SIGHUP')
    expect(hangUps).toBe(0) // nothing runs yet
    await turn()
    process.emit('SIGHUP')
    expect([hangUps, stops()]).toEqual([1, 0])
    process.emit('SIGTERM')
    await code
  })

  it.for(['uncaughtException', 'unhandledRejection'])('%s is told, and stops it with 1', async (event) => {
    const { process, code, stops, lines } = daemon()
    await turn()
    process.emit(event, new Error('oops\nin two lines'))
    expect(await code).toBe(1)
    expect(stops()).toBe(1)
    expect(process.text).toMatch(/^test: oops in two lines\n/)
    expect(lines).toContain('error')
  })

  it('a reader of its output that has gone stops it', async () => {
    const { process, code, stops } = daemon()
    await turn()
    process.stdout.emit('error', new Error('EPIPE'))
    process.stdout.emit('error', new Error('EPIPE'))
    expect(await code).toBe(1)
    expect(stops()).toBe(1)
  })

  it('a failed start is one line, and its kind is the exit code', async () => {
    const error = Object.assign(new Error('locked\u001b[2J'), { name: 'DatastoreLockedError' })
    const { process, code, stops } = daemon({ start: async () => Promise.reject(error) })
    expect(await code).toBe(3)
    expect(process.text).toBe('test: locked\\u{1b}[2J\n')
    expect(stops()).toBe(0)
  })
})

describe('exit codes', () => {
  it.for([
    ['ConfigError', EXIT.usage],
    ['AdminTokenRequiredError', EXIT.usage],
    ['DatastoreLockedError', EXIT.store],
    ['DatastoreCorruptError', EXIT.store],
    ['IdentityMalformedError', EXIT.store],
    ['NotADirectoryError', EXIT.store],
    ['AdminFileError', EXIT.store],
    ['ListenError', EXIT.listen],
    ['AdminListenError', EXIT.listen],
    ['TypeError', EXIT.unexpected]
  ] as const)('%s is %i', ([name, code]) => {
    expect(exitCodeOf(Object.assign(new Error('x'), { name }))).toBe(code)
  })
})
