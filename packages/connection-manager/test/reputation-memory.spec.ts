import { describe, expect, it } from 'vitest'
import { Reputation } from '../src/index.js'
import { at, DAY, idOf, makeReputation, report } from './reputation-support.js'

const MAX_PEERS = 4096
const MAX_BANS = 4096

/** As good as it gets within a moment, `n` of 10. */
function praise(reputation: Reputation, id: string, n = 10): void {
  reputation.messages(id, 10 * n)
  for (let i = 0; i < n; i++) {
    reputation.exchanged(id, 1)
  }
}

/** Ids that connect, say hello and go. */
function flood(reputation: Reputation, count: number, use: (id: string) => void = () => {}): void {
  for (let n = 0; n < count; n++) {
    const id = idOf(1_000_000 + n)
    reputation.connected(id, at(`5.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`))
    use(id)
    reputation.disconnected(id)
  }
}

describe('peers that are remembered', () => {
  it('are 4096 at most, and a flood of ids flushes neither penalties nor good names nor trust', () => {
    const { reputation } = makeReputation()
    for (let n = 0; n < 100; n++) {
      report(reputation, idOf(n), 'mid')
      praise(reputation, idOf(1_000 + n))
    }
    reputation.trust(idOf(5_000))
    reputation.connected(idOf(5_001))
    flood(reputation, 20_000)
    expect(reputation.size).toBeLessThanOrEqual(MAX_PEERS)
    expect(reputation.size).toBeGreaterThan(MAX_PEERS - 100)
    for (let n = 0; n < 100; n++) {
      expect(reputation.score(idOf(n))).toBe(45)
      expect(reputation.score(idOf(1_000 + n))).toBeGreaterThan(60)
    }
    expect(reputation.isTrusted(idOf(5_000))).toBe(true)
    expect(reputation.peers()).toContain(idOf(5_001))
  })

  it('a flood of ids that misbehave does not displace good names, nor greater penalties', () => {
    const { reputation } = makeReputation({ maxPeers: 256 })
    report(reputation, idOf(1), 'mid', 9)
    for (let n = 0; n < 100; n++) {
      praise(reputation, idOf(1_000 + n), 2)
    }
    flood(reputation, 2_000, (id) => {
      report(reputation, id, 'mid', 8)
    })
    expect(reputation.size).toBeLessThanOrEqual(256)
    expect(reputation.standing(idOf(1)).strikes).toBe(45)
    for (let n = 0; n < 100; n++) {
      expect(reputation.score(idOf(1_000 + n))).toBeGreaterThan(51)
    }
  })

  it('a flood of ids that behave does not displace penalties, nor better names', () => {
    const { reputation } = makeReputation({ maxPeers: 256 })
    for (let n = 0; n < 100; n++) {
      report(reputation, idOf(n), 'high')
    }
    praise(reputation, idOf(1_000))
    flood(reputation, 2_000, (id) => {
      praise(reputation, id, 5)
    })
    expect(reputation.size).toBeLessThanOrEqual(256)
    expect(reputation.score(idOf(1_000))).toBeGreaterThan(60)
    for (let n = 0; n < 100; n++) {
      expect(reputation.standing(idOf(n)).penalty).toBe(1)
    }
  })

  it('an id that misbehaves while the table is full of worse ones still reaches its ban', () => {
    const { reputation } = makeReputation({ maxPeers: 64 })
    for (let n = 0; n < 64; n++) {
      report(reputation, idOf(n), 'mid', 9)
    }
    reputation.connected(idOf(99))
    for (let n = 0; n < 10; n++) {
      expect(reputation.isBanned(idOf(99))).toBe(false)
      report(reputation, idOf(99), 'mid')
      reputation.messages(idOf(200 + n), 1)
    }
    expect(reputation.isBanned(idOf(99))).toBe(true)
  })

  it('holds its bound even if all are connected', () => {
    const { reputation } = makeReputation({ maxPeers: 10 })
    for (let n = 0; n < 50; n++) {
      reputation.connected(idOf(n))
    }
    expect(reputation.size).toBe(10)
    expect(() => new Reputation({ maxPeers: 0 })).toThrow('maxPeers')
  })

  it('asking after strangers remembers nothing', () => {
    const { reputation } = makeReputation()
    for (let n = 0; n < 100; n++) {
      reputation.score(idOf(n))
      reputation.standing(idOf(n))
      reputation.isBanned(idOf(n))
      reputation.isGroupBanned(at(`1.2.3.${n}`))
      reputation.history(idOf(n))
    }
    expect(reputation.size).toBe(0)
  })
})

describe('bans that are remembered', () => {
  it('are 4096 at most; a flood of banned ids flushes neither manual nor permanent bans, nor longer ones', () => {
    const { reputation, clock } = makeReputation()
    reputation.ban(idOf(1), { duration: 1_000_000 })
    reputation.ban(idOf(2))
    for (let n = 0; n < 3; n++) {
      report(reputation, idOf(3), 'fatal')
      clock.tick(DAY / 2)
    }
    report(reputation, idOf(4), 'fatal')
    clock.tick(DAY / 2)
    reputation.ban(idOf(1), { duration: 1_000_000 })
    report(reputation, idOf(4), 'fatal')
    for (let n = 0; n < 3 * MAX_BANS; n++) {
      report(reputation, idOf(100 + n), 'fatal')
    }
    expect(reputation.bans()).toHaveLength(MAX_BANS)
    for (const n of [1, 2, 3, 4]) {
      expect([n, reputation.isBanned(idOf(n))]).toEqual([n, true])
    }
    expect(reputation.banOf(idOf(3))?.until).toBe(Infinity)
  })

  it('those that are over go before those in force', () => {
    const { reputation, clock } = makeReputation()
    for (let n = 0; n < 2_000; n++) {
      report(reputation, idOf(n), 'fatal')
    }
    clock.tick(DAY)
    for (let n = 0; n < MAX_BANS; n++) {
      report(reputation, idOf(10_000 + n), 'fatal')
    }
    expect(reputation.bans()).toHaveLength(MAX_BANS)
    report(reputation, idOf(0), 'fatal')
    expect(reputation.banOf(idOf(0))).toMatchObject({ level: 1 })
  })

  it('2048 of them by hand at most', () => {
    const { reputation } = makeReputation()
    for (let n = 0; n < 2_048; n++) {
      reputation.ban(idOf(n))
    }
    expect(() => reputation.ban(idOf(9_999))).toThrow('at most 2048 manual bans')
    expect(() => reputation.ban('../x')).toThrow('a peer id')
    reputation.ban(idOf(7), { duration: 1 })
    reputation.unban(idOf(8))
    reputation.ban(idOf(9_999))
  })
})
