import assert from 'node:assert/strict'
import type { Startable } from '@libp2p/interface'
import { FakeClock } from './fake-clock.js'

/** A service under test, and what it must leave behind as it found it. */
export interface LifecycleSubject {
  service: Startable
  /** Counts what the service holds while it runs (listeners, handlers, sockets), beside the clock's timers. */
  held?: () => number
  /** Called once a test is over. */
  dispose?: () => void | Promise<void>
}

/** Where the tests go: `{ describe, it }` of vitest or of node:test. */
export interface TestHooks {
  describe: (name: string, fn: () => void) => unknown
  it: (name: string, fn: () => Promise<void>) => unknown
}

/** Makes a fresh service, not started, which takes its time from `clock`. */
export type LifecycleFactory = (
  clock: FakeClock
) => Startable | LifecycleSubject | Promise<Startable | LifecycleSubject>

/**
 * Defines the tests that every Startable of this project passes: starting or stopping twice is doing it once, stopping
 * before or during the start leaves it stopped, it works again after a stop, and nothing is left behind.
 */
export function lifecycleCompliance(name: string, factory: LifecycleFactory, { describe, it }: TestHooks): void {
  const test = (title: string, body: (trial: Trial) => Promise<void>): void => {
    it(title, async () => {
      const clock = new FakeClock()
      const made = await factory(clock)
      const subject = 'service' in made ? made : { service: made }
      try {
        await body(new Trial(clock, subject))
      } finally {
        await stop(subject.service)
        await subject.dispose?.()
      }
    })
  }
  describe(`${name}: lifecycle`, () => {
    test('starting twice, one after the other or at once, is starting once', startTwice)
    test('stopping twice, one after the other or at once, is stopping once', stopTwice)
    test('stopping before the start does nothing', stopBeforeStart)
    test('stopping during the start leaves it stopped', stopDuringStart)
    test('it starts again after a stop', startAgain)
    test('its timers leave nothing behind when they fire after a stop', stopWhileWaiting)
  })
}

class Trial {
  readonly #before: number

  constructor(
    readonly clock: FakeClock,
    readonly subject: LifecycleSubject
  ) {
    this.#before = this.holds()
  }

  get service(): Startable {
    return this.subject.service
  }

  holds(): number {
    return this.clock.pending() + (this.subject.held?.() ?? 0)
  }

  async expectNothingLeft(when: string): Promise<void> {
    await this.clock.tickAsync(0)
    assert.equal(this.holds(), this.#before, `timers or listeners are left ${when}`)
  }
}

async function startTwice(trial: Trial): Promise<void> {
  await start(trial.service)
  const once = trial.holds()
  await start(trial.service)
  assert.equal(trial.holds(), once, 'the second start holds more than the first')
  await stop(trial.service)
  await trial.expectNothingLeft('after one stop of two starts')
  await Promise.all([start(trial.service), start(trial.service)])
  assert.equal(trial.holds(), once, 'two starts at once hold more than one')
  await stop(trial.service)
  await trial.expectNothingLeft('after one stop of two starts at once')
}

async function stopTwice(trial: Trial): Promise<void> {
  await start(trial.service)
  await stop(trial.service)
  await stop(trial.service)
  await trial.expectNothingLeft('after two stops')
  await start(trial.service)
  await Promise.all([stop(trial.service), stop(trial.service)])
  await trial.expectNothingLeft('after two stops at once')
}

async function stopBeforeStart(trial: Trial): Promise<void> {
  await stop(trial.service)
  await trial.expectNothingLeft('by a stop without a start')
  await start(trial.service)
  await stop(trial.service)
  await trial.expectNothingLeft('after a start that followed a stop')
}

async function stopDuringStart(trial: Trial): Promise<void> {
  const starting = start(trial.service)
  await stop(trial.service)
  await Promise.allSettled([starting]) // a start may say that it was interrupted
  await trial.expectNothingLeft('by a start that was interrupted')
}

async function startAgain(trial: Trial): Promise<void> {
  await start(trial.service)
  const once = trial.holds()
  await stop(trial.service)
  await start(trial.service)
  assert.equal(trial.holds(), once, 'the second start holds another number of timers or listeners than the first')
  await stop(trial.service)
  await trial.expectNothingLeft('after the second stop')
}

async function stopWhileWaiting(trial: Trial): Promise<void> {
  await start(trial.service)
  await trial.clock.tickAsync(trial.clock.untilNext() ?? 0)
  await stop(trial.service)
  await trial.expectNothingLeft('after a stop in the midst of work')
  await trial.clock.tickAsync(60_000)
  await trial.expectNothingLeft('a minute after the stop')
}

async function start(service: Startable): Promise<void> {
  await service.beforeStart?.()
  await service.start()
  await service.afterStart?.()
}

async function stop(service: Startable): Promise<void> {
  await service.beforeStop?.()
  await service.stop()
  await service.afterStop?.()
}
