import { multiaddr } from '@multiformats/multiaddr'
import type { Connection } from '@libp2p/interface'
import { FakeClock, seededRng } from '@penin/testing'
import { describe, expect, it } from 'vitest'
import { chooseAnchors } from '../src/anchors.js'
import { Feelers } from '../src/feelers.js'
import { learnedCandidate } from '../src/learned-candidate.js'
import { makeBook, named } from './support.js'

describe('anchors', () => {
  const outbound = [
    { id: 'young', connectedAt: 30 },
    { id: 'old', connectedAt: 10 },
    { id: 'middle', connectedAt: 20 }
  ]

  it('are the two outbound peers connected longest', () => {
    expect(chooseAnchors(outbound, ['gone'])).toEqual(['old', 'middle'])
  })

  it('stay while there are not two others: a node that goes down loses its peers one by one', () => {
    expect(chooseAnchors(outbound.slice(0, 1), ['old', 'middle'])).toEqual(['young', 'old'])
    expect(chooseAnchors(outbound.slice(0, 1), ['young', 'old'])).toEqual(['young', 'old'])
  })
})

describe('feelers', () => {
  const clock = new FakeClock()
  const everybody = { has: () => false }
  const book = makeBook(named('me'), clock)
  book.add({ id: named('a'), multiaddrs: ['/ip4/44.0.2.1/tcp/1'], source: 'pex', sourceGroup: 'x' })
  book.add({ id: named('b'), multiaddrs: ['/ip4/45.0.2.1/tcp/1'], source: 'pex', sourceGroup: 'x' })

  it('come every two minutes on average, and at times nobody can foretell', () => {
    const feelers = new Feelers(book, seededRng(4), 120_000, 0)
    const times: number[] = []
    for (let at = 0; at < 200 * 120_000; at += 1_000) {
      if (feelers.due(at, everybody, false) != null) {
        times.push(at)
      }
    }
    expect(times.length).toBeGreaterThan(150)
    expect(times.length).toBeLessThan(260)
    expect(new Set(times.slice(1).map((time, i) => time - (times[i] ?? 0))).size).toBeGreaterThan(50)
  })

  it('are not sent by a node that misses peers, nor to those that are connected', () => {
    const feelers = new Feelers(book, seededRng(4), 1, 0)
    expect(feelers.due(1_000, everybody, true)).toBeUndefined()
    expect(feelers.due(2_000, { has: () => true }, false)).toBeUndefined()
    expect(feelers.due(3_000, everybody, false)).toMatchObject({ reason: 'feeler' })
  })
})

describe('what a connected peer says of its addresses', () => {
  const own = ['/ip4/192.168.1.5/tcp/4001', '/ip4/45.45.45.5/tcp/4001'].map((text) => multiaddr(text))
  const told = { listenAddrs: [], signedPeerRecord: { addresses: own, seq: 7n } }
  const envelope = new Uint8Array([1, 2, 3])
  const from = (text: string): Connection => ({ remotePeer: named('a'), remoteAddr: multiaddr(text) }) as Connection

  it('is believed whole, with its record, on the same private network', () => {
    const candidate = learnedCandidate(from('/ip4/192.168.1.5/tcp/55555'), told, 'inbound', envelope)
    expect(candidate).toMatchObject({ multiaddrs: own, record: { seq: 7n, envelope } })
    expect(candidate.observed?.toString()).toBe('/ip4/192.168.1.5/tcp/55555')
  })

  it('loses its private addresses, and the record with them, when it comes from a public one', () => {
    const candidate = learnedCandidate(from('/ip4/45.45.45.5/tcp/55555'), told, 'inbound', envelope)
    expect(candidate.multiaddrs.map(String)).toEqual(['/ip4/45.45.45.5/tcp/4001'])
    expect(candidate.record).toBeUndefined()
  })

  it('counts without a record as well', () => {
    const candidate = learnedCandidate(from('/ip4/45.45.45.5/tcp/5'), { listenAddrs: own }, 'pex')
    expect(candidate.multiaddrs.map(String)).toEqual(['/ip4/45.45.45.5/tcp/4001'])
    expect(candidate.record).toBeUndefined()
  })
})
