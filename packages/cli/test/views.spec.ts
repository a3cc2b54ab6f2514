import { printable } from '@penin/interface'
import type { NodeStats, PeerInfo } from '@penin/node'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bansText, banText, historyText, peersText } from '../src/ask.js'
import { bashCompletion } from '../src/completion.js'
import { discoveredBy, enoughPeers, isConnected, isFormed, isSettled, type NodeView } from '../src/demo/formation.js'
import { scrubbed } from '../src/demo/run.js'
import { renderDemo } from '../src/demo/watch.js'
import { parseDuration } from '../src/duration.js'
import { cut, formatBytes, formatDuration, shortId } from '../src/format.js'
import { keepLatest, renderLive, type LiveState } from '../src/live-view.js'
import { messageRows } from '../src/message-rows.js'
import { createProgram } from '../src/main.js'
import { renderTable } from '../src/table.js'

const stats = {
  id: '12D3KooWSelf',
  networkId: 'penin',
  uptime: 61_000,
  addresses: ['/ip4/127.0.0.1/tcp/1', '/ip4/127.0.0.1/tcp/2', '/ip4/127.0.0.1/tcp/3'],
  peers: { connected: 2, target: 16, known: 4 },
  connections: { inbound: 1, outbound: 1 },
  traffic: { bytesIn: 1, bytesOut: 2 }
} as unknown as NodeStats

function peer(index: number): PeerInfo {
  return {
    id: { toString: () => `12D3KooWPeer${String(index).padStart(8, '0')}` },
    sources: ['mdns', 'inbound'],
    direction: 'inbound',
    connectedSince: 0,
    bytesIn: 5,
    bytesOut: 6,
    reputation: 50,
    health: 0.5,
    profile: 'standard'
  } as unknown as PeerInfo
}

function live(peers: number, events: number): LiveState {
  return {
    stats,
    peers: Array.from({ length: peers }, (_, index) => peer(index)),
    events: Array.from({ length: events }, (_, index) => `event ${index}`),
    now: 60_000
  }
}

describe('the screen of a running node', () => {
  it('fits every terminal, whatever there is to show', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 200 }),
        fc.nat({ max: 20 }),
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 2, max: 80 }),
        (peers, events, columns, rows) => {
          const lines = renderLive(live(peers, events), { columns, rows }).split('\n')
          expect(lines.length).toBeLessThan(rows)
          for (const line of lines.filter((text) => !text.startsWith('… and'))) {
            expect([...line].length).toBeLessThanOrEqual(columns)
          }
        }
      )
    )
  })

  it('shows peers and events, and says how many peers there was no room for', () => {
    const small = renderLive(live(100, 3), { columns: 100, rows: 24 })
    expect(small).toMatch(/…00000000 {2}inbound {4}mdns,inbound/)
    const shown = small.split('\n').filter((line) => line.startsWith('…0')).length
    expect(small).toContain(`… and ${100 - shown} more`)
    expect(small).toContain('event 2')
    expect(renderLive(live(3, 3), { columns: 100, rows: 24 })).not.toContain('more')
  })

  it('keeps the latest 20 lines, however many come', () => {
    let lines: string[] = []
    for (let i = 0; i < 1_000; i++) {
      lines = keepLatest(lines, `event ${i}`)
    }
    expect([lines.length, lines[0], lines.at(-1)]).toEqual([20, 'event 980', 'event 999'])
  })

  it('says what to do when there is nobody', () => {
    expect(renderLive(live(0, 0), { columns: 200, rows: 24 })).toContain('--bootstrap')
  })
})

describe('tables and numbers', () => {
  it('aligns columns and cuts lines', () => {
    expect(
      renderTable(
        [{ title: 'A' }, { title: 'B', align: 'right' }],
        [
          ['xx', '1'],
          ['y', '22']
        ]
      )
    ).toEqual(['A    B', 'xx   1', 'y   22'])
    expect(renderTable([{ title: 'ABCDEF' }], [], 4)).toEqual(['ABC…'])
    expect(cut('abc', 3)).toBe('abc')
  })

  it('writes sizes and times for people', () => {
    expect([0, 999, 1000, 12_345, 5e6, 2e12].map(formatBytes)).toEqual([
      '0 B',
      '999 B',
      '1.0 kB',
      '12 kB',
      '5.0 MB',
      '2.0 TB'
    ])
    expect([-5, 59_999, 60_000, 3_600_000, 90_000_000].map(formatDuration)).toEqual([
      '0 s',
      '59 s',
      '1 min',
      '1 h 0 min',
      '1 d 1 h'
    ])
    expect(shortId('12D3KooWPeer00000001')).toBe('…00000001')
  })

  it("a peer's profile and address cannot write to the terminal", () => {
    const hostile = {
      ...peer(1),
      id: '12D3KooWPeer',
      profile: '\u001b[2J',
      remoteAddress: '/dns4/\u001b]0;x\u0007/tcp/1',
      addresses: []
    }
    const text = peersText([hostile], {}, { now: 0, fullIds: true })
    // eslint-disable-next-line no-control-regex -- control characters are what must not be there
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/)
  })

  it('Python nodes stand in the table of peers as legacy, and cannot write to the terminal', () => {
    const heard = {
      id: 'node-\u001b[2Jalpha',
      address: '192.168.1.5',
      port: 51_515,
      timestamp: 1,
      firstSeen: 0,
      lastSeen: 0
    }
    const nowhere = { ...heard, id: 'node-beta', address: undefined }
    const rendering = { now: 61_000, fullIds: true }
    const lines = peersText([], { connected: true }, rendering, [heard, nowhere]).split('\n')
    expect(lines.map((line) => line.split(/ {2,}/))).toMatchObject([
      expect.arrayContaining(['PEER', 'STATE', 'FOUND BY', 'ADDRESS']) as unknown,
      [printable(heard.id), 'legacy', '-', 'udp', '-', '-', '-', '-', '-', '1 min', '-', '192.168.1.5:51515'],
      ['node-beta', 'legacy', '-', 'udp', '-', '-', '-', '-', '-', '1 min', '-', '-']
    ])
    expect(lines.join()).not.toContain('\u001b')
  })

  it('bans and histories are tables, and say so when there is nothing', () => {
    const ban = { kind: 'peer', key: '12D3KooWPeer00000001', since: 0, until: 3_600_000, level: 1 } as const
    const spam = { ...ban, automatic: false, by: 'operator', reason: 'spam \u001b[2J' }
    const group = { ...spam, kind: 'group', key: '192.0.2.1', until: null } as const
    const rendering = { now: 0, fullIds: false }
    expect(bansText([spam, group], rendering).split('\n')).toEqual([
      'BANNED         STILL  BY        REASON',
      '…00000001  1 h 0 min  operator  spam \\u{1b}[2J',
      '192.0.2.1   for good  operator  spam \\u{1b}[2J'
    ])
    expect(bansText([], rendering)).toBe('nobody is banned')
    expect([banText(spam, 0), banText(group, 0)]).toEqual([
      '12D3KooWPeer00000001 is banned for 1 h 0 min',
      '192.0.2.1 is banned for good'
    ])
    const change = { at: 0, what: 'report', reason: 'pex-flood', before: 50, after: 44.6, times: 3 } as const
    expect(historyText([change], { now: 60_000, fullIds: true }).split('\n')).toEqual([
      '  AGO  WHAT    TIMES    SCORE  REASON',
      '1 min  report      3  50 → 45  pex-flood'
    ])
    expect(historyText([], rendering)).toContain('nothing')
    expect(peersText([], { banned: true }, rendering)).toBe('no peer is like that')
    expect(peersText([], { connected: true }, rendering)).toMatch(/^no peer is connected yet/)
  })

  it('messages are counted in rows of their own, those of a node without any, too', () => {
    const broadcast = {
      running: false,
      total: { published: 0, publishedBytes: 0, delivered: 0, deliveredBytes: 0, duplicates: 0, dropped: {} },
      peers: 0,
      subscriptions: {}
    }
    const none = {
      ...{ sent: 0, sentBytes: 0, received: 0, receivedBytes: 0, delivered: 0, taken: 0 },
      ...{ queued: 0, inFlight: 0, outboxBytes: 0, retried: 0, expired: 0, refused: 0, failed: 0, refusals: {} },
      rtt: { p50: undefined, p99: undefined },
      broadcast
    }
    const rows = (messages: unknown): Array<[string, string]> => messageRows(messages as NodeStats['messages'])
    expect(rows(none)).toEqual([
      ['messages', '0 out (0 B), 0 in (0 B); 0 of ours were taken, 0 of others'],
      ['waiting', '0 queued, 0 on their way, 0 B'],
      ['troubles', 'none'],
      ['round trip', 'p50 -, p99 -'],
      ['broadcast', 'not used yet']
    ])
    const total = { published: 3, publishedBytes: 30, delivered: 4, deliveredBytes: 4_000, duplicates: 5 }
    const busy = {
      ...{ ...none, sent: 12, sentBytes: 1_200, received: 34, receivedBytes: 5_000_000, delivered: 9, taken: 33 },
      ...{ queued: 2, inFlight: 1, outboxBytes: 1_600, retried: 6, expired: 1, refused: 2 },
      refusals: { 'bad-payload': 1, 'unknown-type': 2 },
      rtt: { p50: 0.2113, p99: 118.4 },
      broadcast: {
        running: true,
        total: { ...total, dropped: { invalid: 1, ignored: 2 } },
        peers: 6,
        subscriptions: { news: {} }
      }
    }
    expect(rows(busy)).toEqual([
      ['messages', '12 out (1.2 kB), 34 in (5.0 MB); 9 of ours were taken, 33 of others'],
      ['waiting', '2 queued, 1 on their way, 1.6 kB'],
      ['troubles', '6 retried, 1 expired, 2 refused, 3 of others refused'],
      ['round trip', 'p50 0.21 ms, p99 118 ms'],
      ['broadcast', '3 out (30 B), 4 in (4.0 kB); 5 duplicates, 3 dropped; 6 peers, topics: 1']
    ])
  })

  it('durations are read as people write them', () => {
    const texts = ['90s', '15m', '15min', '1h', '1.5h', '7d', '1d12h']
    expect(texts.map((text) => parseDuration(text, '--for') / 1_000)).toEqual([
      90, 900, 900, 3_600, 5_400, 604_800, 129_600
    ])
    for (const text of ['', '1', 'h', '0s', '-1h', '1 h', '1w', '1hx', `1${'0'.repeat(20)}d`]) {
      expect(() => parseDuration(text, '--for'), text).toThrow(/--for: expected a duration/)
    }
  })

  it('the help of each command has examples and exit codes', () => {
    const program = createProgram(
      () => undefined,
      () => undefined
    )
    for (const command of program.commands.filter((candidate) => candidate.name() !== 'completion')) {
      let text = ''
      command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp()
      expect(text, command.name()).toMatch(/Examples:[\s\S]*Exit codes:/)
    }
  })

  it('completes every command', () => {
    const script = bashCompletion(
      createProgram(
        () => undefined,
        () => undefined
      )
    )
    for (const name of 'start peers stats explain add remove ban unban bans trust history reputation demo'.split(' '))
      expect(script).toContain(`${name}) words="`)
    expect(script).toContain('--network-id')
  })
})

function view(id: string, peers: string[], state: NodeView['state'] = 'running'): NodeView {
  return { name: id, id, addresses: [], peers: new Map(peers.map((peerId) => [peerId, 'mdns'])), state }
}

describe('whether a network has formed', () => {
  it('two halves are none, however many peers each node has', () => {
    const halves = [view('a', ['b']), view('b', ['a']), view('c', ['d']), view('d', ['c'])]
    expect(isConnected(halves)).toBe(false)
    expect(isFormed(halves, 1)).toBe(false)
    expect(isFormed([...halves.slice(0, 3), view('d', ['c', 'a'])], 1)).toBe(true)
  })

  it('wants enough peers of every node, and all of them running', () => {
    const pair = [view('a', ['b']), view('b', ['a'])]
    expect(isFormed(pair, 1)).toBe(true)
    expect(isFormed(pair, 2)).toBe(false)
    expect(isFormed([view('a', ['b']), view('b', ['a'], 'starting')], 1)).toBe(false)
    expect([1, 8, 20].map(enoughPeers)).toEqual([1, 8, 8])
  })

  it('is settled once both ends know of each connection', () => {
    expect(isSettled([view('a', ['b']), view('b', [])])).toBe(false)
    expect(isSettled([view('a', ['b']), view('b', ['a'])])).toBe(true)
  })

  it('counts peers by the source that found them', () => {
    const peers = new Map([
      ['a', 'mdns'],
      ['b', 'mdns'],
      ['c', 'dht']
    ])
    expect(discoveredBy({ peers })).toEqual({ mdns: 2, dht: 1 })
  })

  it('draws its nodes within the terminal', () => {
    const nodes = Array.from({ length: 50 }, (_, index) => view(`n${index}`, ['x']))
    const lines = renderDemo(nodes, ['starting'], { columns: 40, rows: 20 }).split('\n')
    expect(lines.length).toBeLessThan(20)
    expect(lines.at(-1)).toBe('starting')
    expect(lines.at(-2)).toMatch(/^… and \d+ more$/)
  })

  it('settings of the person who runs the demo do not reach its nodes', () => {
    expect(scrubbed({ PENIN_BOOTSTRAP: 'x', P2P_MAX_CONNECTIONS: '1', PATH: '/bin' })).toEqual({ PATH: '/bin' })
  })
})
