import type { Tolerance } from '@penin/interface'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nextHealth, type Reputation } from '../src/index.js'
import { at, DAY, HOUR, idOf, makeGood, makeReputation, report } from './reputation-support.js'

const PEER = idOf(1)

describe('the score', () => {
  it('is 50 for a peer nobody knows, with 50 in each part', () => {
    const { reputation } = makeReputation()
    expect(reputation.standing(PEER)).toEqual({
      score: 50,
      parts: { uptime: 50, messages: 50, latency: 50, exchange: 50 },
      penalty: 0,
      strikes: 0,
      health: 0.5,
      trusted: false
    })
    expect(reputation.size).toBe(0)
  })

  it.each<[string, (reputation: Reputation) => void, 'uptime' | 'messages' | 'latency' | 'exchange', number, number]>([
    [
      'valid messages',
      (r) => {
        r.messages(PEER, 1_000)
      },
      'messages',
      100,
      65
    ],
    [
      'a valid message',
      (r) => {
        r.messages(PEER, 1)
      },
      'messages',
      52.5,
      50.75
    ],
    [
      'invalid messages',
      (r) => {
        r.messages(PEER, 0, 1_000)
      },
      'messages',
      0,
      35
    ],
    [
      'no latency at all',
      (r) => {
        for (let i = 0; i < 100; i++) r.pinged(PEER, 0)
      },
      'latency',
      100,
      60
    ],
    [
      'half a second',
      (r) => {
        r.pinged(PEER, 500)
      },
      'latency',
      50,
      50
    ],
    [
      'two seconds, always',
      (r) => {
        for (let i = 0; i < 100; i++) r.pinged(PEER, 2_000)
      },
      'latency',
      20,
      50
    ],
    [
      'no answer, ever',
      (r) => {
        for (let i = 0; i < 100; i++) r.pinged(PEER, Infinity)
      },
      'latency',
      0,
      50
    ],
    [
      'useful exchanges',
      (r) => {
        for (let i = 0; i < 200; i++) r.exchanged(PEER, 1)
      },
      'exchange',
      100,
      62.5
    ],
    [
      'useless exchanges',
      (r) => {
        for (let i = 0; i < 200; i++) r.exchanged(PEER, 0)
      },
      'exchange',
      0,
      50
    ]
  ])('%s', (_, observe, part, value, score) => {
    const { reputation } = makeReputation()
    observe(reputation)
    expect(reputation.standing(PEER).parts[part]).toBeCloseTo(value, 5)
    expect(reputation.score(PEER)).toBeCloseTo(score, 5)
  })

  it('a peer that stays connected has its uptime without disconnecting first, and 50 at the beginning', () => {
    const { reputation, clock } = makeReputation()
    reputation.connected(PEER)
    expect(reputation.standing(PEER).parts.uptime).toBe(50)
    clock.tick(DAY)
    expect(reputation.standing(PEER).parts.uptime).toBeCloseTo(75)
    clock.tick(6 * DAY)
    expect(reputation.standing(PEER).parts.uptime).toBeCloseTo(99.6, 1)
  })

  it('a lost connection counts as away for an hour, a closed one as unknown', () => {
    const { reputation, clock } = makeReputation()
    for (const id of [PEER, idOf(2)]) {
      reputation.connected(id)
    }
    clock.tick(2 * DAY)
    reputation.disconnected(PEER, true)
    reputation.disconnected(idOf(2))
    clock.tick(HOUR)
    const [lost, closed] = [PEER, idOf(2)].map((id) => reputation.standing(id).parts.uptime)
    expect(closed).toBeCloseTo(50 + 37.5 * 2 ** (-1 / 24))
    expect(lost).toBeCloseTo(87.5 * 2 ** (-1 / 24))
    clock.tick(DAY)
    expect(reputation.standing(PEER).parts.uptime).toBeCloseTo(50 + ((lost ?? 0) - 50) / 2)
    expect(reputation.score(PEER)).toBeGreaterThan(50)
  })

  it('goes half of the way back to 50 within a day, from above and from below', () => {
    const { reputation, clock } = makeReputation()
    makeGood(reputation, PEER)
    reputation.disconnected(PEER)
    report(reputation, idOf(2), 'mid', 8)
    const [good, bad] = [reputation.score(PEER) - 50, reputation.score(idOf(2)) - 50]
    expect(bad).toBe(-40)
    for (let days = 1; days <= 10; days++) {
      clock.tick(DAY)
      expect(reputation.score(PEER) - 50).toBeCloseTo(good / 2 ** days)
      expect(reputation.score(idOf(2)) - 50).toBeCloseTo(bad / 2 ** days)
    }
  })

  it('stays within 0..100, with parts and health within their ranges, whatever is observed in whatever order', () => {
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 60 }), (steps) => {
        const { reputation, clock } = makeReputation()
        for (const step of steps) {
          step.run(reputation, PEER, clock)
          const { score, parts, penalty, strikes, health } = reputation.standing(PEER)
          for (const value of [score, ...Object.values(parts), penalty, strikes]) {
            expect(value).toBeGreaterThanOrEqual(0)
            expect(value).toBeLessThanOrEqual(100)
          }
          expect(health).toBeGreaterThanOrEqual(0)
          expect(health).toBeLessThanOrEqual(1)
        }
      }),
      { numRuns: 200 }
    )
  })

  it('a new identity is never better off than a known honest peer, however slow, useless or often away that is', () => {
    fc.assert(
      fc.property(fc.array(honest, { maxLength: 60 }), (steps) => {
        const { reputation, clock } = makeReputation()
        for (const step of steps) {
          step.run(reputation, PEER, clock)
          expect(reputation.score(PEER)).toBeGreaterThanOrEqual(reputation.score(idOf(99)))
        }
      }),
      { numRuns: 200 }
    )
  })

  it('decay alone never takes a score past 50 nor away from it', () => {
    fc.assert(
      fc.property(
        fc.array(anything, { maxLength: 30 }),
        fc.array(fc.integer({ min: 1, max: 3 * DAY })),
        (steps, waits) => {
          const { reputation, clock } = makeReputation()
          for (const step of steps) {
            step.run(reputation, PEER, clock)
          }
          reputation.disconnected(PEER)
          let last = reputation.score(PEER)
          for (const ms of waits) {
            clock.tick(ms)
            const score = reputation.score(PEER)
            expect(Math.abs(score - 50)).toBeLessThanOrEqual(Math.abs(last - 50) + 1e-9)
            expect((score - 50) * (last - 50)).toBeGreaterThanOrEqual(-1e-9)
            last = score
          }
        }
      ),
      { numRuns: 100 }
    )
  })

  it('is decided by nothing but observations of this peer: nobody changes the score of another', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 2, max: 9 }), anything), { maxLength: 60 }), (steps) => {
        const { reputation, clock } = makeReputation()
        makeGood(reputation, PEER)
        const alone = makeReputation()
        makeGood(alone.reputation, PEER)
        for (const [n, step] of steps) {
          const before = clock.monotonic()
          step.run(reputation, idOf(n), clock)
          alone.clock.tick(clock.monotonic() - before)
          expect(reputation.standing(PEER)).toEqual(alone.reputation.standing(PEER))
        }
      }),
      { numRuns: 100 }
    )
  })
})

describe('health', () => {
  it.each<[string, string, number]>([
    ['nothing yet', '', 0.5],
    ['one success', '+', 0.6],
    ['one failure', '-', 0.3],
    ['three failures', '---', 0],
    ['five successes', '+++++', 1],
    ['never above 1', '++++++++', 1],
    ['one failure of a good peer', '++++++-', 0.8],
    ['two successes make up for a failure', '++++++-++', 1],
    ['never below 0', '------+', 0.1]
  ])('%s', (_, course, expected) => {
    const { reputation } = makeReputation()
    for (const sign of course) {
      reputation.dialled(PEER, sign === '+')
    }
    expect(reputation.health(PEER)).toBe(expected)
    expect(reputation.score(PEER)).toBe(50)
  })

  it('pings count for it too', () => {
    const { reputation } = makeReputation()
    reputation.pinged(PEER, 20)
    expect(reputation.health(PEER)).toBe(0.6)
    reputation.pinged(PEER, Infinity)
    expect(reputation.health(PEER)).toBe(0.4)
  })

  it('starts in the middle from what is no number', () => {
    expect(nextHealth(Number.NaN, true)).toBe(0.6)
    expect(nextHealth(undefined, false)).toBe(0.3)
  })
})

type Clock = ReturnType<typeof makeReputation>['clock']

interface Step {
  name: string
  run: (reputation: Reputation, id: string, clock: Clock) => void
}

function step(name: string, run: Step['run']): Step {
  return { name, run }
}

const weird = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Infinity, -Infinity, -1, 1e300))

const honest = fc.oneof(
  fc.constant(
    step('connected', (r, id) => {
      r.connected(id, at('1.2.3.4'))
    })
  ),
  fc.boolean().map((isLost) =>
    step(`disconnected ${isLost}`, (r, id) => {
      r.disconnected(id, isLost)
    })
  ),
  fc.nat(1_000).map((n) =>
    step(`messages ${n}`, (r, id) => {
      r.messages(id, n)
    })
  ),
  fc.oneof(fc.nat(60_000), fc.constant(Infinity)).map((ms) =>
    step(`pinged ${ms}`, (r, id) => {
      r.pinged(id, ms)
    })
  ),
  fc.boolean().map((isOk) =>
    step(`dialled ${isOk}`, (r, id) => {
      r.dialled(id, isOk)
    })
  ),
  fc.double({ min: 0, max: 1, noNaN: true }).map((u) =>
    step(`exchanged ${u}`, (r, id) => {
      r.exchanged(id, u)
    })
  ),
  fc.nat(5 * DAY).map((ms) =>
    step(`wait ${ms}`, (_r, _id, clock) => {
      clock.tick(ms)
    })
  ),
  fc.integer({ min: -DAY, max: DAY }).map((ms) =>
    step(`jump ${ms}`, (_r, _id, clock) => {
      clock.jump(ms)
    })
  )
)

const anything = fc.oneof(
  honest.filter(({ name }) => !name.startsWith('jump')),
  fc.constantFrom<Tolerance>('fatal', 'low', 'mid', 'high').map((t) =>
    step(t, (r, id) => {
      report(r, id, t)
    })
  ),
  fc.nat(100).map((n) =>
    step(`invalid ${n}`, (r, id) => {
      r.messages(id, 0, n)
    })
  ),
  weird.map((n) =>
    step(`weird ${n}`, (r, id) => {
      r.messages(id, n, n)
      r.messages(id, 1, n)
      r.pinged(id, n)
      r.exchanged(id, n)
    })
  ),
  fc.constant(
    step('unban', (r, id) => {
      r.unban(id)
    })
  ),
  fc.boolean().map((isTrusted) =>
    step(`trust ${isTrusted}`, (r, id) => {
      r.trust(id, isTrusted)
    })
  )
)
