import { describe, expect, it } from 'vitest'
import { nextEvent, processExits, recordingReporter, until } from '../src/index.js'
import type { PeerId } from '@libp2p/interface'

describe('until', () => {
  it('returns the first truthy value, of a promise too, and lives with throwing conditions', async () => {
    let looks = 0
    const value = await until(
      async () => {
        looks++
        if (looks === 1) {
          throw new RangeError('not yet')
        }
        return looks === 3 && 'there'
      },
      { intervalMs: 1 }
    )
    expect([value, looks]).toEqual(['there', 3])
  })

  it('says what it waited for and why the last look failed', async () => {
    const cause = new RangeError('no')
    const failing = until(
      () => {
        throw cause
      },
      { timeoutMs: 5, intervalMs: 1, message: () => 'two peers' }
    )
    await expect(failing).rejects.toMatchObject({ name: 'ConditionTimeoutError', condition: 'two peers', cause })
  })
})

describe('nextEvent', () => {
  it('resolves with the first event that passes the filter, and takes its listener away', async () => {
    const target = new EventTarget()
    const waiting = nextEvent(target, 'n', { filter: (event: CustomEvent<number>) => event.detail > 1 })
    for (const detail of [1, 2, 3]) {
      target.dispatchEvent(new CustomEvent('n', { detail }))
    }
    expect((await waiting).detail).toBe(2)
  })

  it('ends with the signal, and with the time', async () => {
    const reason = new RangeError('enough')
    await expect(nextEvent(new EventTarget(), 'n', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const aborter = new AbortController()
    const waiting = nextEvent(new EventTarget(), 'n', { signal: aborter.signal })
    aborter.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    await expect(nextEvent(new EventTarget(), 'n', { timeoutMs: 1 })).rejects.toThrow('event n')
  })
})

describe('processExits', () => {
  it('returns what a process prints that ends by itself', async () => {
    const code = "console.log(process.argv.slice(1).join('+')); setTimeout(() => {}, 1e6).unref()"
    const { stdout } = await processExits(code, { args: ['a', 'b'] })
    expect(stdout).toBe('a+b\n')
  })

  it('fails for one that hangs, and for one that crashes', async () => {
    const hanging = processExits('setTimeout(() => {}, 1e6); console.error("still here")', { timeoutMs: 700 })
    await expect(hanging).rejects.toMatchObject({ name: 'ProcessExitError', problem: /did not end/ })
    await expect(processExits('process.exitCode = 3')).rejects.toThrow('ended with code 3')
  })
})

it('recordingReporter keeps every report, by peer', () => {
  const peer = (name: string): PeerId => ({ name, equals: (other: { name?: string }) => other.name === name }) as never
  const reporter = recordingReporter()
  reporter.report(peer('a'), { reason: 'x', tolerance: 'mid' })
  reporter.report(peer('b'), { reason: 'y', tolerance: 'fatal' })
  expect(reporter.reasons()).toEqual(['x', 'y'])
  expect(reporter.reasons(peer('b'))).toEqual(['y'])
  expect(reporter.reports[0]).toMatchObject({ reason: 'x', tolerance: 'mid' })
})
