import { describe, expect, it } from 'vitest'
import { systemRng } from '@penin/interface'
import { ANSWER_DELAY, AnswerSchedule } from '../src/answers.js'
import { link, ManualClock } from './support.js'
import type { Wanted } from '../src/messages.js'

function setUp(): { clock: ManualClock; schedule: AnswerSchedule; sent: Array<[string, Wanted[]]> } {
  const clock = new ManualClock()
  const sent: Array<[string, Wanted[]]> = []
  const schedule = new AnswerSchedule(clock, systemRng, (key, wanted) => sent.push([key, [...wanted]]))
  return { clock, schedule, sent }
}
const eth0 = link('eth0', ['10.0.0.1/24'])
const eth1 = link('eth1', ['10.0.1.1/24'])

describe('answer schedule', () => {
  it('waits 20 to 120 ms', () => {
    const { clock, schedule, sent } = setUp()
    schedule.request(eth0, ['peer'])
    clock.advance(ANSWER_DELAY.min - 1)
    expect(sent).toEqual([])
    clock.advance(ANSWER_DELAY.max - ANSWER_DELAY.min + 1)
    expect(sent).toEqual([['eth0', ['peer']]])
  })

  it('answers many questions at once, and at most once a second per link', () => {
    const { clock, schedule, sent } = setUp()
    for (let i = 0; i < 10_000; i++) {
      schedule.request(eth0, i % 2 === 0 ? ['peer'] : ['services'])
      clock.advance(1)
    }
    expect(sent.length).toBeLessThanOrEqual(10)
    expect(sent.length).toBeGreaterThanOrEqual(8)
    expect(sent[0]).toEqual(['eth0', ['peer', 'services']])
    expect(clock.pending).toBe(1)
  })

  it('keeps links apart', () => {
    const { clock, schedule, sent } = setUp()
    schedule.request(eth0, ['peer'])
    schedule.request(eth1, ['txt'])
    clock.advance(200)
    expect(sent.sort()).toEqual([
      ['eth0', ['peer']],
      ['eth1', ['txt']]
    ])
  })

  it('forgets links that have gone, and everything when cleared', () => {
    const { clock, schedule, sent } = setUp()
    schedule.request(eth0, ['peer'])
    schedule.request(eth1, ['peer'])
    schedule.retain(new Set(['eth1']))
    clock.advance(200)
    expect(sent).toEqual([['eth1', ['peer']]])
    schedule.request(eth1, ['peer'])
    schedule.clear()
    clock.advance(5000)
    expect(sent).toHaveLength(1)
    expect(clock.pending).toBe(0)
  })

  it('sends nothing when nothing is wanted', () => {
    const { clock, schedule } = setUp()
    schedule.request(eth0, [])
    expect(clock.pending).toBe(0)
  })
})
