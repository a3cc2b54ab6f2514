import { PeninError, type Tolerance } from '@penin/interface'
import { describe, expect, it } from 'vitest'
import { DAY, HOUR, idOf, makeGood, makeReputation, MINUTE, report, reportsToBan } from './reputation-support.js'
import { makePeerId } from './support.js'

const PEER = idOf(1)
const SECOND = 1_000

describe('reports to a ban', () => {
  it.each<[Tolerance, number, number]>([
    ['fatal', 0, 1],
    ['low', 0, 5],
    ['mid', 0, 10],
    ['high', 0, 50],
    // The counts hold exactly while the reports come within 40 minutes.
    ['low', 8 * MINUTE, 5],
    ['mid', 4 * MINUTE, 10],
    ['high', 48 * SECOND, 50],
    // Slower ones have time to be forgotten in between: half within a day.
    ['low', HOUR, 6],
    ['low', 2 * HOUR, 6],
    ['low', 6 * HOUR, 9],
    ['mid', HOUR, 12],
    ['mid', 2 * HOUR, 15],
    ['mid', 3 * HOUR, 20],
    ['high', 10 * MINUTE, 57],
    ['high', 30 * MINUTE, 86],
    // Slower still, and there is never a ban.
    ['low', 8 * HOUR, 0],
    ['mid', 4 * HOUR, 0],
    ['high', 45 * MINUTE, 0],
    ['fatal', DAY, 1]
  ])('%s, one every %i ms: %i', (tolerance, pause, count) => {
    expect(reportsToBan(tolerance, pause)).toBe(count)
  })

  it.each<[string, Array<[Tolerance, number]>, boolean]>([
    [
      '2 low, 5 mid and 5 high',
      [
        ['low', 2],
        ['mid', 5],
        ['high', 5]
      ],
      true
    ],
    [
      '2 low, 5 mid and 4 high',
      [
        ['low', 2],
        ['mid', 5],
        ['high', 4]
      ],
      false
    ],
    [
      '49 high and 1 low',
      [
        ['high', 49],
        ['low', 1]
      ],
      true
    ],
    [
      '4 low and 1 mid',
      [
        ['low', 4],
        ['mid', 1]
      ],
      false
    ],
    [
      '4 low and 2 mid',
      [
        ['low', 4],
        ['mid', 2]
      ],
      true
    ],
    [
      '9 mid and 4 high',
      [
        ['mid', 9],
        ['high', 4]
      ],
      false
    ],
    [
      '1 high and 1 fatal',
      [
        ['high', 1],
        ['fatal', 1]
      ],
      true
    ]
  ])('mixed: %s', (_, mixture, isBanned) => {
    const { reputation } = makeReputation()
    for (const [tolerance, times] of mixture) {
      expect(reputation.isBanned(PEER)).toBe(false)
      report(reputation, PEER, tolerance, times)
    }
    expect(reputation.isBanned(PEER)).toBe(isBanned)
  })

  it('a good name buys no right to misbehave: the best peer has the same counts', () => {
    const { reputation, clock } = makeReputation()
    makeGood(reputation, PEER)
    clock.tick(7 * DAY)
    makeGood(reputation, PEER)
    expect(reputation.score(PEER)).toBeGreaterThan(90)
    report(reputation, PEER, 'mid', 9)
    expect(reputation.isBanned(PEER)).toBe(false)
    report(reputation, PEER, 'mid')
    expect(reputation.isBanned(PEER)).toBe(true)
  })

  it('the counts begin anew after a ban', () => {
    const { reputation, clock } = makeReputation()
    report(reputation, PEER, 'mid', 10)
    clock.tick(HOUR)
    expect(reputation.isBanned(PEER)).toBe(false)
    report(reputation, PEER, 'mid', 9)
    expect(reputation.isBanned(PEER)).toBe(false)
    report(reputation, PEER, 'mid')
    expect(reputation.isBanned(PEER)).toBe(true)
  })

  it('reports about a banned peer count neither now nor when it is back', () => {
    const { reputation, clock } = makeReputation()
    report(reputation, PEER, 'mid', 10)
    const { penalty } = reputation.standing(PEER)
    report(reputation, PEER, 'mid', 9)
    expect(reputation.standing(PEER)).toMatchObject({ penalty, strikes: 0 })
    clock.tick(HOUR)
    report(reputation, PEER, 'mid', 9)
    expect(reputation.isBanned(PEER)).toBe(false)
  })

  it('takes a peer id of libp2p', async () => {
    const { reputation } = makeReputation()
    const peer = await makePeerId()
    reputation.report(peer, { reason: 'x', tolerance: 'fatal' })
    expect(reputation.isBanned(peer)).toBe(true)
    expect(reputation.isBanned(peer.toString())).toBe(true)
  })

  it('an unknown tolerance counts as the mildest, and what is no id as nothing', () => {
    const { reputation } = makeReputation()
    reputation.report(PEER, { reason: 'x', tolerance: 'grave' as Tolerance })
    expect(reputation.standing(PEER).penalty).toBe(1)
    reputation.report('../../etc', { reason: 'x', tolerance: 'fatal' })
    expect(reputation.size).toBe(1)
  })
})

describe('trusted peers', () => {
  it('are never banned by the node itself; their penalties are counted and shown', () => {
    const { reputation, banned } = makeReputation()
    reputation.trust(PEER)
    report(reputation, PEER, 'fatal', 3)
    expect(reputation.isBanned(PEER)).toBe(false)
    expect(banned).toEqual([])
    expect(reputation.standing(PEER)).toMatchObject({ score: 0, penalty: 100, strikes: 0, trusted: true })
    expect(reputation.history(PEER).map(({ what }) => what)).toEqual([
      'trusted',
      'report',
      'spared',
      'report',
      'spared',
      'report',
      'spared'
    ])
  })

  it('can be banned by hand, and have to misbehave anew when they are not trusted any more', () => {
    const { reputation } = makeReputation()
    reputation.trust(PEER)
    report(reputation, PEER, 'mid', 12)
    reputation.trust(PEER, false)
    report(reputation, PEER, 'mid', 7)
    expect(reputation.isBanned(PEER)).toBe(false)
    report(reputation, PEER, 'mid')
    expect(reputation.isBanned(PEER)).toBe(true)
    reputation.trust(idOf(2))
    reputation.ban(idOf(2))
    expect(reputation.isBanned(idOf(2))).toBe(true)
  })

  it('are 1024 at most', () => {
    const { reputation } = makeReputation()
    for (let n = 0; n < 1024; n++) {
      reputation.trust(idOf(n))
    }
    expect(() => {
      reputation.trust(idOf(1024))
    }).toThrow(PeninError)
    reputation.trust(idOf(0))
    reputation.trust(idOf(0), false)
    reputation.trust(idOf(1024))
  })
})

describe('the history of a peer', () => {
  it('tells when what changed the score from what to what', () => {
    const { reputation, clock } = makeReputation()
    report(reputation, PEER, 'mid', 2)
    const first = clock.now()
    clock.tick(1_000)
    report(reputation, PEER, 'low')
    const [mid, low] = reputation.history(PEER)
    expect(mid).toEqual({ at: first, what: 'report', reason: 'mid-offence', before: 50, after: 40, times: 2 })
    expect(low).toEqual({ at: first + 1_000, what: 'report', reason: 'low-offence', before: 40, after: 30, times: 1 })
  })

  it('puts observations down once they have moved the score by five', () => {
    const { reputation } = makeReputation()
    for (let i = 0; i < 100; i++) {
      reputation.messages(PEER, 1)
    }
    const history = reputation.history(PEER)
    expect(history).toHaveLength(1)
    expect(history[0]).toMatchObject({ what: 'observed', before: 50 })
    expect(history[0]?.times).toBeGreaterThanOrEqual(2)
  })

  it('has 16 entries at most, a flood of one kind takes one, and a hostile reason stays harmless', () => {
    const { reputation } = makeReputation()
    for (let n = 0; n < 40; n++) {
      reputation.report(PEER, { reason: `r${n}`, tolerance: 'high' })
    }
    expect(reputation.history(PEER).map(({ reason }) => reason)).toEqual(
      Array.from({ length: 16 }, (_, i) => `r${24 + i}`)
    )
    report(reputation, idOf(2), 'low')
    report(reputation, idOf(2), 'high', 30)
    expect(reputation.history(idOf(2)).map(({ times }) => times)).toEqual([1, 30])
    reputation.report(idOf(3), { reason: `\u001b[31m${'x'.repeat(500)}`, tolerance: 'high' })
    expect(reputation.history(idOf(3))[0]?.reason).toMatch(/^\\u\{1b\}\[31mx+…$/)
  })
})
