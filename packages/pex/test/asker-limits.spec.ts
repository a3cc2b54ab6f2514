import { FakeClock, seededRng } from '@penin/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ANSWER_LIMITS, AskerLimits, AskSchedule, type Verdict } from '../src/index.js'

const MINUTE = 60_000

/** How often each verdict comes when a peer asks so often at once. */
function tally(n: number, ask: (i: number) => Verdict): Partial<Record<Verdict, number>> {
  const counts: Partial<Record<Verdict, number>> = {}
  for (let i = 0; i < n; i++) {
    const verdict = ask(i)
    counts[verdict] = (counts[verdict] ?? 0) + 1
  }
  return counts
}

describe('who may ask how often', () => {
  it('a peer that floods gets 16 answers, three empty ones, and is reported from then on', () => {
    const limits = new AskerLimits(new FakeClock())
    expect(tally(100, () => limits.judge('p', 'g'))).toEqual({ answer: 16, 'too-soon': 3, flood: 81 })
  })

  it('A5, CometBFT hole a: reconnecting changes nothing, for there is nothing about connections in it', () => {
    const clock = new FakeClock()
    const limits = new AskerLimits(clock)
    tally(19, () => limits.judge('p', 'g'))
    clock.tick(1_000)
    expect(limits.judge('p', 'g')).toBe('flood')
    clock.tick(MINUTE)
    expect([limits.judge('p', 'g'), limits.judge('p', 'g')]).toEqual(['answer', 'flood'])
  })

  it('A5, A14: fresh ids of one source group share its bucket, and none of them is blamed for the others', () => {
    const clock = new FakeClock()
    const limits = new AskerLimits(clock)
    expect(tally(10_000, (i) => limits.judge(`p${i}`, 'g'))).toEqual({ answer: 128, busy: 9_872 })
    expect(limits.judge('another', 'elsewhere')).toBe('answer')
    clock.tick(10_000)
    expect(tally(100, (i) => limits.judge(`q${i}`, 'g'))).toEqual({ answer: 5, busy: 95 })
  })

  it('more groups than the table holds share one bucket', () => {
    const limits = new AskerLimits(new FakeClock())
    expect(tally(10_000, (i) => limits.judge(`p${i}`, `g${i}`))).toEqual({ answer: 512, busy: 9_488 })
  })

  it('forgets breaches after ten minutes without one', () => {
    const clock = new FakeClock()
    const limits = new AskerLimits(clock)
    expect(tally(18, () => limits.judge('p', 'g'))).toEqual({ answer: 16, 'too-soon': 2 })
    clock.tick(10 * MINUTE + 1)
    expect(tally(13, () => limits.judge('p', 'g'))).toEqual({ answer: 10, 'too-soon': 3 })
  })

  it('remembers a bounded number of peers, groups and offenders', () => {
    const limits = new AskerLimits(new FakeClock(), { ...ANSWER_LIMITS, perPeer: { burst: 1, perSecond: 0.001 } })
    for (let i = 0; i < 10_000; i++) {
      limits.judge(`p${i}`, `g${i}`)
      limits.judge(`p${i}`, `g${i}`)
    }
    expect(limits.size).toBe(4_096 + 4_096 + 1 + 1_024)
  })
})

/** What can happen to an honest asker between two moments: time passes, and then it does one of these. */
const happening = fc.record({
  after: fc.oneof(fc.nat(1_000), fc.nat(40_000), fc.nat(700_000)),
  wanted: fc.constantFrom(0, 1, 20),
  moved: fc.boolean(),
  fails: fc.boolean(),
  undelivered: fc.boolean(),
  delay: fc.nat(10_000)
})

describe('A6, P17: an honest asker', () => {
  it('is never refused, whatever its jitter, its luck, its reconnects and its new addresses', () => {
    fc.assert(
      fc.property(fc.integer(), fc.array(happening, { maxLength: 200 }), (seed, happenings) => {
        const clock = new FakeClock()
        const schedule = new AskSchedule(clock, seededRng(seed))
        const arrivals: number[] = []
        for (const { after, wanted, moved, fails, undelivered, delay } of happenings) {
          clock.tick(after)
          if (moved) {
            schedule.version++
          }
          const isPush = schedule.pushIn('them') === 0
          const isTurn = schedule.dueIn(wanted) === 0 && schedule.waitFor('them') === 0
          if (!isPush && !isTurn) {
            continue
          }
          const undo = schedule.begin('them')
          if (isTurn) {
            schedule.spent()
          }
          if (undelivered) {
            undo()
            continue
          }
          if (fails) {
            schedule.fail('them')
          }
          arrivals.push(clock.monotonic() + delay) // the network may bunch questions up
        }
        expect(verdicts(arrivals)).toEqual(arrivals.map(() => 'answer'))
      }),
      { numRuns: 300 }
    )
  })

  it('needs less than a third of what it may', () => {
    const clock = new FakeClock()
    const schedule = new AskSchedule(clock, seededRng(7))
    let questions = 0
    // the worst that can honestly happen: every answer fails, and its addresses change all the time
    const hours = 10
    for (let second = 0; second < hours * 3_600; second++) {
      clock.tick(1_000)
      schedule.version++
      if (schedule.pushIn('them') === 0 || (schedule.dueIn(1) === 0 && schedule.waitFor('them') === 0)) {
        schedule.begin('them')
        schedule.spent()
        schedule.fail('them')
        questions++
      }
    }
    const allowed = hours * 3_600 * ANSWER_LIMITS.perPeer.perSecond
    expect(questions).toBeGreaterThan(hours * 6)
    expect(questions * 3).toBeLessThanOrEqual(allowed + 3)
  })

  it('is never refused for its neighbours either: a hundred of them behind one address, for a day', () => {
    const clock = new FakeClock()
    const limits = new AskerLimits(clock)
    const askers = Array.from({ length: 100 }, (_, i) => ({
      name: `p${i}`,
      schedule: new AskSchedule(clock, seededRng(i))
    }))
    for (let minute = 0; minute < 24 * 60; minute++) {
      clock.tick(MINUTE)
      for (const { name, schedule } of askers) {
        if (schedule.waitFor('them') === 0 && schedule.dueIn(1) === 0) {
          schedule.begin('them')
          schedule.spent()
          expect(limits.judge(name, 'nat')).toBe('answer')
        }
      }
    }
  })

  it('may be restarted every minute for a quarter of an hour', () => {
    const clock = new FakeClock()
    const limits = new AskerLimits(clock)
    for (let start = 0; start < 15; start++) {
      expect(limits.judge('p', 'g')).toBe('answer')
      clock.tick(MINUTE)
    }
  })
})

/** What a wall clock does when an administrator, a time server or an empty battery has a hand in it. */
const jump = fc.constantFrom(-3_650, -1, 0, 1, 3_650).map((days) => days * 86_400_000)

describe('CometBFT hole g: nothing depends on the wall clock', () => {
  it('neither when to ask, nor whom, nor what is answered, however it jumps', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.array(fc.tuple(fc.nat(700_000), jump, fc.boolean()), { maxLength: 60 }),
        (seed, steps) => {
          const run = (jumps: boolean): unknown[] => {
            const clock = new FakeClock()
            const [schedule, limits] = [new AskSchedule(clock, seededRng(seed)), new AskerLimits(clock)]
            return steps.flatMap(([ms, by, asks]) => {
              clock.tick(ms)
              clock.jump(jumps ? by : 0)
              if (asks) {
                schedule.begin('p')
                schedule.spent()
              }
              return [schedule.dueIn(1), schedule.waitFor('p'), limits.judge('p', 'g')]
            })
          }
          expect(run(true)).toEqual(run(false))
        }
      )
    )
  })
})

function verdicts(arrivals: readonly number[]): Verdict[] {
  const clock = new FakeClock()
  const limits = new AskerLimits(clock)
  return [...arrivals]
    .sort((a, b) => a - b)
    .map((at) => {
      clock.tick(at - clock.monotonic())
      return limits.judge('them', 'g')
    })
}

describe('the schedule', () => {
  it('asks five times in quick succession, then every 30 s, and every 10 minutes once there are enough', () => {
    const clock = new FakeClock()
    const schedule = new AskSchedule(clock, { float: () => 0.5, bytes: (n) => new Uint8Array(n) })
    const gaps: number[] = []
    for (let i = 0; i < 7; i++) {
      gaps.push(schedule.dueIn(1))
      clock.tick(schedule.dueIn(1))
      schedule.spent()
    }
    expect(gaps).toEqual([0, 2_000, 2_000, 2_000, 2_000, 30_000, 30_000])
    expect(schedule.dueIn(0)).toBe(600_000)
    schedule.restart()
    expect(schedule.dueIn(0)).toBe(0)
  })

  it('varies its intervals by a tenth either way', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const schedule = new AskSchedule(new FakeClock(), seededRng(seed))
        for (let i = 0; i < 6; i++) {
          schedule.spent()
        }
        expect(schedule.dueIn(1)).toBeGreaterThanOrEqual(27_000)
        expect(schedule.dueIn(1)).toBeLessThanOrEqual(33_000)
      })
    )
  })

  it('asks one peer once in ten minutes, after a failure once in five, and again at once if it never got there', () => {
    const clock = new FakeClock()
    const schedule = new AskSchedule(clock, seededRng(1))
    schedule.begin('p')()
    expect(schedule.waitFor('p')).toBe(0)
    schedule.begin('p')
    expect(schedule.waitFor('p')).toBe(600_000)
    schedule.fail('p')
    expect(schedule.waitFor('p')).toBe(300_000)
    expect(schedule.waitFor('another')).toBe(0)
  })

  it('tells of new addresses those who know the old ones, each at most once in ten minutes, and the last state always', () => {
    const clock = new FakeClock()
    const schedule = new AskSchedule(clock, seededRng(1))
    expect(schedule.pushIn('p')).toBeUndefined()
    schedule.begin('p')
    expect(schedule.pushIn('p')).toBeUndefined()
    schedule.version++
    expect(schedule.pushIn('p')).toBe(0)
    schedule.begin('p')
    schedule.version++
    expect(schedule.pushIn('p')).toBe(600_000)
    clock.tick(600_000)
    schedule.begin('p')
    expect(schedule.pushIn('p')).toBeUndefined()
  })

  it('remembers a bounded number of peers', () => {
    const schedule = new AskSchedule(new FakeClock(), seededRng(1))
    for (let i = 0; i < 5_000; i++) {
      schedule.begin(`p${i}`)
    }
    expect(schedule.size).toBe(1_024)
  })
})
