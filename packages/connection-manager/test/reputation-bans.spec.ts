import fc from 'fast-check'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { banDuration, bannableGroup, isGroupToBan, Reputation } from '../src/index.js'
import { at, DAY, HOUR, idOf, makeReputation, MINUTE, report } from './reputation-support.js'

const PEER = idOf(1)

describe('how long a ban lasts', () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 4],
    [4, 8],
    [5, 16],
    [6, 32],
    [7, 64],
    [8, 128],
    [9, 168],
    [10, 168],
    [100, 168]
  ])('ban %i: %i h', (level, hours) => {
    expect(banDuration(level)).toBe(hours * HOUR)
  })

  it('one ban every 16 days: 1 h, 2 h, 4 h ... 7 d, never three within 30 days', () => {
    const { reputation, clock } = makeReputation()
    const hours: number[] = []
    for (let n = 0; n < 11; n++) {
      report(reputation, PEER, 'fatal')
      const { since = 0, until = 0, level } = reputation.banOf(PEER) ?? {}
      expect(level).toBe(n + 1)
      hours.push((until - since) / HOUR)
      clock.tick(16 * DAY)
    }
    expect(hours).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 168, 168, 168])
  })

  it('the third within 30 days is permanent', () => {
    const { reputation, clock } = makeReputation()
    report(reputation, PEER, 'fatal')
    clock.tick(10 * DAY)
    report(reputation, PEER, 'fatal')
    clock.tick(20 * DAY - 1)
    report(reputation, PEER, 'fatal')
    expect(reputation.banOf(PEER)).toMatchObject({ until: Infinity, level: 3 })
    clock.tick(3650 * DAY)
    reputation.sweep()
    expect(reputation.isBanned(PEER)).toBe(true)
  })

  it('the third after 30 days is not, and after 90 days without a ban a peer starts over', () => {
    const { reputation, clock } = makeReputation()
    report(reputation, PEER, 'fatal')
    clock.tick(10 * DAY)
    report(reputation, PEER, 'fatal')
    clock.tick(20 * DAY)
    report(reputation, PEER, 'fatal')
    const { since = 0, until, level } = reputation.banOf(PEER) ?? {}
    expect([until, level]).toEqual([since + 4 * HOUR, 3])
    clock.tick(90 * DAY)
    report(reputation, PEER, 'fatal')
    expect(reputation.banOf(PEER)).toMatchObject({ level: 1 })
  })

  it('ends exactly on time, and says so once', () => {
    const { reputation, clock, banned, unbanned } = makeReputation()
    report(reputation, PEER, 'fatal')
    const ban = reputation.banOf(PEER)
    expect(banned).toEqual([{ kind: 'peer', key: PEER, ban }])
    expect(ban).toEqual({
      since: clock.now(),
      until: clock.now() + HOUR,
      level: 1,
      automatic: true,
      reason: 'fatal-offence',
      by: 'node'
    })
    clock.tick(HOUR - 1)
    reputation.sweep()
    expect([reputation.isBanned(PEER), unbanned]).toEqual([true, []])
    clock.tick(1)
    expect(reputation.isBanned(PEER)).toBe(false)
    expect(reputation.bans()).toEqual([])
    reputation.sweep()
    reputation.sweep()
    expect(unbanned).toEqual([{ kind: 'peer', key: PEER, cause: 'expired' }])
  })

  it('no later event lengthens a ban, changes its level or tells of it again', () => {
    const events = fc.constantFrom<(reputation: Reputation) => void>(
      (r) => {
        report(r, PEER, 'fatal')
      },
      (r) => {
        report(r, PEER, 'high', 60)
      },
      (r) => {
        r.disconnected(PEER, true)
      },
      (r) => {
        r.connected(PEER, at('1.2.3.4'))
      },
      (r) => {
        r.messages(PEER, 0, 500)
      },
      (r) => {
        r.pinged(PEER, Infinity)
      },
      (r) => {
        r.dialled(PEER, false)
      },
      (r) => {
        r.trust(PEER)
      },
      (r) => {
        r.sweep()
      },
      (r) => {
        r.import(r.export())
      }
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(events, fc.nat(5 * MINUTE)), { maxLength: 11 }), (steps) => {
        const { reputation, clock, banned } = makeReputation()
        report(reputation, PEER, 'fatal')
        const ban = reputation.banOf(PEER)
        for (const [event, pause] of steps) {
          event(reputation)
          expect(reputation.banOf(PEER)).toEqual(ban)
          clock.tick(pause)
        }
        clock.tick(Math.max(0, (ban?.until ?? 0) - clock.now()))
        expect(reputation.isBanned(PEER)).toBe(false)
        expect(banned).toHaveLength(1)
      }),
      { numRuns: 100 }
    )
  })
})

describe('a clock that jumps', () => {
  it.each([
    ['back by an hour', -HOUR],
    ['back by ten years', -3650 * DAY]
  ])('%s: a ban lasts no longer and no shorter, also over a restart after its end', (_, jump) => {
    const { reputation, clock } = makeReputation()
    report(reputation, PEER, 'fatal')
    clock.jump(jump)
    clock.tick(HOUR - 1)
    expect(reputation.isBanned(PEER)).toBe(true)
    clock.tick(1)
    expect(reputation.isBanned(PEER)).toBe(false)
    reputation.sweep()
    const restarted = new Reputation({ clock })
    restarted.import(JSON.parse(JSON.stringify(reputation.export())))
    expect(restarted.isBanned(PEER)).toBe(false)
  })

  it('back, and then a restart: the ban lasts its whole length again at most', () => {
    const { reputation, clock } = makeReputation()
    report(reputation, PEER, 'fatal')
    clock.jump(-3650 * DAY)
    const restarted = new Reputation({ clock })
    restarted.import(reputation.export())
    clock.tick(HOUR - 1)
    expect(restarted.isBanned(PEER)).toBe(true)
    clock.tick(1)
    expect(restarted.isBanned(PEER)).toBe(false)
  })

  it('forward, as after a sleep: temporary bans end early, permanent ones never', () => {
    const { reputation, clock } = makeReputation()
    report(reputation, PEER, 'fatal')
    reputation.ban(idOf(2))
    clock.suspend(2 * HOUR)
    expect([reputation.isBanned(PEER), reputation.isBanned(idOf(2))]).toEqual([false, true])
    clock.jump(3650 * DAY)
    expect(reputation.isBanned(idOf(2))).toBe(true)
  })

  it('forward for a moment: offences of the wrong time count as of now, not for ten years', () => {
    const { reputation, clock } = makeReputation()
    clock.jump(3650 * DAY)
    report(reputation, PEER, 'fatal')
    clock.jump(-3650 * DAY)
    clock.tick(HOUR)
    report(reputation, PEER, 'fatal')
    expect(reputation.banOf(PEER)).toMatchObject({ level: 2 })
    clock.tick(31 * DAY)
    report(reputation, PEER, 'fatal')
    expect(reputation.banOf(PEER)?.until).not.toBe(Infinity)
  })

  it('scores decay by the time that passes, not by the wall clock', () => {
    const { reputation, clock } = makeReputation()
    report(reputation, PEER, 'mid', 4)
    clock.jump(3650 * DAY)
    expect(reputation.score(PEER)).toBe(30)
    clock.jump(-7300 * DAY)
    expect(reputation.score(PEER)).toBe(30)
    const restarted = new Reputation({ clock })
    restarted.import(reputation.export())
    expect(restarted.score(PEER)).toBe(30)
    clock.tick(DAY)
    expect(restarted.score(PEER)).toBeCloseTo(40)
  })
})

describe('bans by hand', () => {
  it('are listed with reason, by whom, since, until and level, and lifted', () => {
    const { reputation, clock, banned, unbanned } = makeReputation()
    const since = clock.now()
    reputation.ban(PEER, { duration: DAY, reason: 'spam\u0007', by: 'ops' })
    reputation.ban(idOf(2))
    reputation.banGroup(at('1.2.3.4'), { duration: HOUR })
    const ban = { since, until: since + DAY, level: 0, automatic: false, reason: 'spam\\u{7}', by: 'ops' }
    const forEver = { since, until: Infinity, level: 0, automatic: false, reason: 'manual', by: 'operator' }
    expect(reputation.bans()).toEqual([
      { kind: 'peer', key: PEER, ban },
      { kind: 'peer', key: idOf(2), ban: forEver },
      { kind: 'group', key: '1.2.3.4', ban: { ...forEver, until: since + HOUR } }
    ])
    expect(banned).toHaveLength(3)
    expect([reputation.unban(PEER), reputation.unban(PEER), reputation.unbanGroup('1.2.3.4')]).toEqual([
      true,
      false,
      true
    ])
    expect(reputation.isBanned(PEER)).toBe(false)
    expect(unbanned.map(({ key, cause }) => [key, cause])).toEqual([
      [PEER, 'lifted'],
      ['1.2.3.4', 'lifted']
    ])
  })

  it('unbanning forgives: no penalty, and the next ban is a first one', () => {
    const { reputation, clock } = makeReputation()
    for (let n = 0; n < 2; n++) {
      report(reputation, PEER, 'fatal')
      clock.tick(3 * HOUR)
    }
    report(reputation, PEER, 'fatal')
    expect(reputation.banOf(PEER)?.until).toBe(Infinity)
    reputation.unban(PEER, 'a mistake')
    expect(reputation.score(PEER)).toBe(50)
    expect(reputation.history(PEER).at(-1)).toMatchObject({
      what: 'unbanned',
      reason: 'a mistake',
      before: 0,
      after: 50
    })
    report(reputation, PEER, 'fatal')
    expect(reputation.banOf(PEER)).toMatchObject({ level: 1 })
  })

  it('are no offences, and may shorten or lengthen a ban', () => {
    const { reputation, clock } = makeReputation()
    report(reputation, PEER, 'fatal')
    reputation.ban(PEER, { duration: MINUTE })
    clock.tick(MINUTE)
    expect(reputation.isBanned(PEER)).toBe(false)
    report(reputation, PEER, 'fatal')
    expect(reputation.banOf(PEER)).toMatchObject({ level: 2 })
  })

  it.each([0, -1, Number.NaN])('a duration of %d is refused', (duration) => {
    const { reputation } = makeReputation()
    expect(() => reputation.ban(PEER, { duration })).toThrow('duration')
  })

  it.each(['127.0.0.1', '192.168.1.7', '::1', 'fd00::1', 'fe80::1'])(
    'the group of %s is refused: it stands for many',
    (ip) => {
      const { reputation } = makeReputation()
      expect(() => reputation.banGroup(at(ip))).toThrow('public IP address')
      expect(reputation.isGroupBanned(at(ip))).toBe(false)
    }
  )
})

describe('bans of IP groups', () => {
  it.each([
    ['five bad ids and nobody else', { banned: 5, clean: 0, veterans: 0 }, true],
    ['four bad ids', { banned: 4, clean: 0, veterans: 0 }, false],
    ['15 bad, five in order', { banned: 15, clean: 5, veterans: 2 }, true],
    ['14 bad, five in order', { banned: 14, clean: 5, veterans: 2 }, false],
    ['a NAT with 20 honest nodes and a few bad', { banned: 5, clean: 20, veterans: 20 }, false],
    ['a NAT with 20 new honest nodes and a few bad', { banned: 19, clean: 20, veterans: 0 }, false],
    ['one bad program behind that NAT that burns 1000 ids', { banned: 1000, clean: 20, veterans: 20 }, false],
    ['three veterans', { banned: 1000, clean: 3, veterans: 3 }, false],
    ['two veterans', { banned: 1000, clean: 2, veterans: 2 }, true]
  ])('%s: %o: %s', (_, count, expected) => {
    expect(isGroupToBan(count)).toBe(expected)
  })

  it('the fifth banned id of an address takes the address along, for 1 h, then 2 h, and never for ever', () => {
    const { reputation, clock, banned } = makeReputation()
    let n = 0
    const burn = (count: number): void => {
      for (const end = n + count; n < end; n++) {
        reputation.connected(idOf(n), at('1.2.3.4'))
        report(reputation, idOf(n), 'fatal')
        reputation.disconnected(idOf(n))
      }
    }
    burn(4)
    expect(reputation.isGroupBanned(at('1.2.3.4'))).toBe(false)
    burn(1)
    expect(reputation.isGroupBanned(at('1.2.3.4'))).toBe(true)
    expect(reputation.isGroupBanned(multiaddr('/ip6/::ffff:1.2.3.4/tcp/1'))).toBe(true)
    expect(reputation.isGroupBanned(at('1.2.3.5'))).toBe(false)
    expect(banned.at(-1)).toMatchObject({ kind: 'group', key: '1.2.3.4', ban: { level: 1, reason: 'many-banned-ids' } })
    burn(5)
    expect(banned.filter(({ kind }) => kind === 'group')).toHaveLength(1)
    for (const hours of [1, 2, 4, 8, 16, 32, 64, 128, 168, 168]) {
      const { ban } = banned.findLast(({ kind }) => kind === 'group') ?? {}
      expect(((ban?.until ?? 0) - (ban?.since ?? 0)) / HOUR).toBe(hours)
      clock.tick(hours * HOUR)
      expect(reputation.isGroupBanned(at('1.2.3.4'))).toBe(false)
      burn(5)
    }
  })

  it('an IPv6 /64 is one group', () => {
    const { reputation } = makeReputation()
    for (let n = 0; n < 5; n++) {
      reputation.connected(idOf(n), at(`2a00:1:2:3::${n + 1}`))
      report(reputation, idOf(n), 'fatal')
    }
    expect(reputation.isGroupBanned(at('2a00:1:2:3:ffff::1'))).toBe(true)
    expect(reputation.isGroupBanned(at('2a00:1:2:4::1'))).toBe(false)
  })

  it('a NAT with 20 honest nodes is not banned with one that burns 500 ids', () => {
    const { reputation, clock } = makeReputation()
    for (let n = 0; n < 20; n++) {
      reputation.connected(idOf(n), at('1.2.3.4'))
    }
    clock.tick(HOUR)
    for (let n = 100; n < 600; n++) {
      reputation.connected(idOf(n), at('1.2.3.4'))
      report(reputation, idOf(n), 'fatal')
      reputation.disconnected(idOf(n))
    }
    expect(reputation.isGroupBanned(at('1.2.3.4'))).toBe(false)
    expect(reputation.bans()).toHaveLength(500)
    expect(reputation.isBanned(idOf(3))).toBe(false)
  })

  it.each([
    ['private', '/ip4/192.168.1.7/tcp/1'],
    ['shared (carrier NAT)', '/ip4/100.64.1.7/tcp/1'],
    ['loopback', '/ip4/127.0.0.1/tcp/1'],
    ['IPv6 loopback', '/ip6/::1/tcp/1'],
    ['unique local', '/ip6/fd00::7/tcp/1'],
    ['link-local', '/ip6/fe80::7/tcp/1'],
    ['relayed', '/ip4/1.2.3.4/tcp/1/p2p/12D3KooWHJyHZFrc7YLUHT4NJgW3LF4y2RPaAPiUnWqrKrnPN91w/p2p-circuit'],
    ['without an IP', '/dns4/example.com/tcp/1']
  ])('%s addresses are never banned as a group', (_, address) => {
    const { reputation } = makeReputation()
    for (let n = 0; n < 50; n++) {
      reputation.connected(idOf(n), multiaddr(address))
      report(reputation, idOf(n), 'fatal')
    }
    expect(bannableGroup(multiaddr(address))).toBeUndefined()
    expect(reputation.bans().filter(({ kind }) => kind === 'group')).toEqual([])
  })

  it("bans by hand and bans of yesterday don't count", () => {
    const { reputation, clock } = makeReputation()
    for (let n = 0; n < 20; n++) {
      reputation.connected(idOf(n), at('1.2.3.4'))
      reputation.ban(idOf(n))
      reputation.disconnected(idOf(n))
    }
    for (let n = 100; n < 120; n++) {
      reputation.connected(idOf(n), at('1.2.3.4'))
      report(reputation, idOf(n), 'fatal')
      reputation.disconnected(idOf(n))
      clock.tick(7 * HOUR)
    }
    expect(reputation.isGroupBanned(at('1.2.3.4'))).toBe(false)
  })
})
