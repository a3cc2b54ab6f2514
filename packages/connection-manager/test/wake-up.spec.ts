import { FakeClock, lifecycleCompliance } from '@penin/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WakeUp, type WakeUpReason } from '../src/index.js'

lifecycleCompliance('WakeUp', (clock) => new WakeUp({ clock, onWakeUp: () => {} }), { describe, it })

describe('WakeUp', () => {
  let clock: FakeClock
  let interfaces: string
  let reasons: WakeUpReason[]
  let service: WakeUp
  beforeEach(() => {
    clock = new FakeClock()
    interfaces = 'eth0=192.0.2.1'
    reasons = []
    service = new WakeUp({ clock, interfaces: () => interfaces, onWakeUp: (reason) => reasons.push(reason) })
    service.start()
  })
  afterEach(() => {
    service.stop()
  })

  it('notices that the machine has slept, once', () => {
    clock.tick(12_000)
    clock.suspend(3_600_000)
    clock.tick(60_000)
    expect(reasons).toEqual(['clock-jump'])
  })

  it('notices that the clock was set back', () => {
    clock.jump(-86_400_000)
    clock.tick(60_000)
    expect(reasons).toEqual(['clock-jump'])
  })

  it('notices another network within five seconds, once, and again when it comes back', () => {
    clock.tick(7_000)
    interfaces = 'wlan0=198.51.100.1'
    clock.tick(5_000)
    expect(reasons).toEqual(['interfaces-changed'])
    clock.tick(60_000)
    interfaces = 'eth0=192.0.2.1'
    clock.tick(60_000)
    expect(reasons).toEqual(['interfaces-changed', 'interfaces-changed'])
  })

  it('says once that the machine woke up in another network', () => {
    clock.suspend(3_600_000)
    interfaces = ''
    clock.tick(60_000)
    expect(reasons).toEqual(['clock-jump'])
  })

  it('raises no false alarm in a day with a time server and short hiccups', () => {
    for (let minute = 0; minute < 24 * 60; minute++) {
      clock.jump(minute % 2 === 0 ? 900 : -900)
      clock.tick(60_000)
    }
    expect(reasons).toEqual([])
  })

  it('counts what happened while it was stopped as past', () => {
    service.stop()
    clock.suspend(3_600_000)
    interfaces = 'other'
    service.start()
    clock.tick(60_000)
    expect(reasons).toEqual([])
  })

  it('looks at the real interfaces unless told otherwise', () => {
    const real = new WakeUp({ clock, onWakeUp: (reason) => reasons.push(reason) })
    real.start()
    clock.tick(60_000)
    real.stop()
    expect(reasons).toEqual([])
  })
})
