import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { countPeers, selectPeers, type PeerFacts, type PeerFilter } from '../src/peer-filter.js'

function peer(id: string, facts: Partial<PeerFacts> = {}): PeerFacts {
  return {
    id,
    state: 'known',
    isAlive: false,
    sources: [],
    tags: [],
    health: 0.5,
    reputation: 50,
    trusted: false,
    banned: false,
    lastSeen: 0,
    ...facts
  }
}

const none = { agents: [], tools: [], resources: [], prompts: [] }

const PEERS = [
  peer('a', { sources: ['pex', 'mdns'], health: 0.9, reputation: 40, lastSeen: 3, table: 'new' }),
  peer('b', {
    state: 'connected',
    isAlive: true,
    tags: ['trusted', 'lab'],
    trusted: true,
    lastSeen: 9,
    table: 'tried'
  }),
  peer('c', { state: 'foreign', isAlive: true, capabilities: { ...none, tools: ['search'] }, reputation: 80 }),
  peer('d', { banned: true, health: 0, reputation: 0, capabilities: { ...none, tools: ['x'], agents: ['search'] } })
]

function ids(filter: PeerFilter): string {
  return selectPeers(PEERS, filter)
    .map(({ id }) => id)
    .join('')
}

describe('choosing peers from a list', () => {
  it.for<[filter: PeerFilter, expected: string]>([
    [{}, 'bacd'],
    [{ connected: true }, 'b'],
    [{ connected: false }, 'acd'],
    [{ alive: true }, 'bc'],
    [{ alive: false }, 'ad'],
    [{ banned: true }, 'd'],
    [{ banned: false }, 'bac'],
    [{ source: 'mdns' }, 'a'],
    [{ source: 'dht' }, ''],
    [{ tag: 'lab' }, 'b'],
    [{ tag: 'trusted', connected: true }, 'b'],
    [{ tag: 'trusted', connected: false }, ''],
    [{ capability: { kind: 'tools' } }, 'cd'],
    [{ capability: { kind: 'tools', name: 'search' } }, 'c'],
    [{ capability: { kind: 'agents', name: 'search' } }, 'd'],
    [{ capability: { kind: 'prompts' } }, ''],
    [{ sort: 'health' }, 'abcd'],
    [{ sort: 'reputation' }, 'cbad'],
    [{ sort: 'recent' }, 'bacd'],
    [{ sort: 'recent', limit: 2 }, 'ba'],
    [{ limit: 0 }, '']
  ])('%j gives %s', ([filter, expected]) => {
    expect(ids(filter)).toBe(expected)
  })

  it.for([-1, 1.5, NaN])('a limit of %d is refused', (limit) => {
    expect(() => ids({ limit })).toThrow(expect.objectContaining({ name: 'InvalidArgumentError' }) as Error)
  })

  it('nothing is lost or invented: what passes and what fails are all peers together', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ banned: fc.boolean(), health: fc.nat({ max: 10 }) })), (list) => {
        const peers = list.map((facts, index) => peer(String(index), facts))
        const [yes, no] = [selectPeers(peers, { banned: true }), selectPeers(peers, { banned: false, sort: 'health' })]
        expect([...yes, ...no].map(({ id }) => id).sort()).toEqual(peers.map(({ id }) => id).sort())
        expect(no.map(({ health }) => health)).toEqual(no.map(({ health }) => health).sort((a, b) => b - a))
      })
    )
  })

  it('counts by state, source, table and capability, and takes averages', () => {
    expect(countPeers(PEERS)).toEqual({
      total: 4,
      connected: 1,
      alive: 2,
      dead: 2,
      banned: 1,
      trusted: 1,
      byState: { known: 2, dialling: 0, greeting: 0, connected: 1, foreign: 1 },
      bySource: { pex: 1, mdns: 1 },
      byTable: { new: 1, tried: 1, pinned: 0 },
      byCapability: { agents: 1, tools: 2, resources: 0, prompts: 0 },
      averageHealth: (0.9 + 0.5 + 0.5 + 0) / 4,
      averageReputation: (40 + 50 + 80 + 0) / 4
    })
    expect(countPeers([])).toMatchObject({ total: 0, averageHealth: 0, averageReputation: 0 })
  })
})
