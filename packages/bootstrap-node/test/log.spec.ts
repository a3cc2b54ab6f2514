import type { Clock } from '@penin/interface'
import { describe, expect, it } from 'vitest'
import { Log, type LogInit } from '../src/index.js'
import { describers } from '../src/log-entries.js'
import { quietNode } from './support.js'

class TestClock implements Clock {
  time = Date.UTC(2026, 0, 2, 3, 4, 5)
  now(): number {
    return this.time
  }
  monotonic(): number {
    return this.time
  }
  setTimeout(): { clear(): void } {
    return { clear: () => undefined }
  }
  setInterval(): { clear(): void } {
    return { clear: () => undefined }
  }
}

function record(init: Partial<LogInit> = {}): { log: Log; lines: string[]; clock: TestClock } {
  const lines: string[] = []
  const clock = new TestClock()
  return { log: new Log({ write: (line) => lines.push(line), clock, ...init }), lines, clock }
}

const hostile = '\u001b[2J\u001b]0;owned\u0007\u009b31m\u202eevil\n{"event":"forged"}'
// eslint-disable-next-line no-control-regex -- control characters are what must not be there
const control = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/

describe('the log', () => {
  it('writes JSON lines with time, level, event and fields', () => {
    const { log, lines } = record({ json: true })
    log.write('info', 'stopped', { a: 1 }, 'stopped')
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { time: '2026-01-02T03:04:05.000Z', level: 'info', event: 'stopped', a: 1 }
    ])
  })

  it('writes text with time, level and message, coloured only if asked to', () => {
    const { log, lines } = record()
    log.write('warn', 'warning', {}, 'look here')
    expect(lines[0]).toMatch(/^2026-\d\d-\d\d \d\d:\d\d:\d\d warn {2}look here$/)
    const coloured = record({ colour: true })
    coloured.log.write('warn', 'warning', {}, 'look here')
    expect(coloured.lines[0]).toContain('\u001b[33m')
  })

  it.for([true, false])("a peer's strings cannot write to the terminal or forge a line (json: %s)", async (json) => {
    await using node = await quietNode()
    const { log, lines } = record({ json })
    log.follow(node)
    const peer = { id: node.id, sources: [], agentVersion: hostile, profile: hostile, direction: 'inbound' }
    const refused = { id: node.id, name: 'WrongNetworkError', message: hostile }
    node.dispatchEvent(new CustomEvent('peer:connected', { detail: peer as never }))
    node.dispatchEvent(new CustomEvent('peer:refused', { detail: refused }))
    node.dispatchEvent(
      new CustomEvent('peer:updated', { detail: { ...peer, capabilities: { [hostile]: [hostile] } } as never })
    )
    expect(lines).toHaveLength(3)
    for (const line of lines) {
      expect(line).not.toMatch(control)
    }
    expect(lines[0]).toContain('evil')
  })

  it('tells what a program that asks for it must know of a connected peer', async () => {
    await using node = await quietNode()
    const { log, lines } = record({ json: true })
    const end = log.follow(node)
    const detail = {
      id: node.id,
      sources: ['mdns'],
      agentVersion: 'x/1',
      direction: 'inbound',
      remoteAddress: '/ip4/127.0.0.1/tcp/1'
    }
    node.dispatchEvent(new CustomEvent('peer:connected', { detail: detail as never }))
    end()
    node.dispatchEvent(new CustomEvent('peer:connected', { detail: detail as never }))
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      {
        event: 'peer:connected',
        id: node.id.toString(),
        sources: ['mdns'],
        direction: 'inbound',
        remoteAddress: '/ip4/127.0.0.1/tcp/1',
        agentVersion: 'x/1'
      }
    ])
  })

  it('has a description for each event that a node can send', () => {
    for (const [name, describe] of Object.entries(describers)) {
      expect(describe, name).toBeTypeOf('function')
    }
  })

  it('does not let strangers fill the disk, and says how many lines are missing', () => {
    const { log, lines, clock } = record({ json: true })
    for (let i = 0; i < 10_000; i++) log.write('info', 'connection:refused', {}, '')
    expect(lines).toHaveLength(200)
    clock.time += 1_000
    log.write('info', 'connection:refused', {}, '')
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ suppressed: 9_800 })
    for (let i = 0; i < 1_000; i++) log.write('warn', 'warning', {}, '')
    expect(lines).toHaveLength(1_201)
  })

  it.for([true, false])('cuts a field, or a line of text, after 1000 characters (json: %s)', (json) => {
    const { log, lines } = record({ json })
    const long = 'x'.repeat(100_000)
    const values = { message: long, list: [long], error: new Error(long) }
    log.write('info', 'stopped', values, long)
    const cut = `${'x'.repeat(999)}…`
    if (json) {
      expect(JSON.parse(lines[0] ?? '')).toMatchObject({ message: cut, list: [cut], error: cut })
    } else {
      expect(lines[0]?.slice('2026-01-02 03:04:05 info  '.length)).toBe(cut)
    }
  })

  it('leaves out what matters less than its level', () => {
    const { log, lines } = record({ level: 'warn' })
    log.write('info', 'stopped', {}, '')
    log.write('error', 'error', {}, '')
    expect(lines).toHaveLength(1)
  })
})
