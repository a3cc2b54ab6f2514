import { mdns as upstreamMdns } from '@libp2p/mdns'
import { decode, encode } from 'dns-packet'
import { beforeAll, describe, expect, it } from 'vitest'
import { readSighting } from '../src/discovered.js'
import { buildAnswer, buildGoodbye, buildQuery, parseMessage } from '../src/messages.js'
import { components, link, makePeer } from './support.js'
import type { PeerId, PeerInfo } from '@libp2p/interface'
import type { Answer } from 'dns-packet'

/** The parts of `@libp2p/mdns` that deal with packets, without its socket. */
interface Upstream extends EventTarget {
  mdns: { respond(answers: Answer[]): void }
  _onMdnsQuery(packet: unknown): void
  _onMdnsResponse(packet: unknown): void
}

const names = { serviceTag: '_p2p._udp.local', instance: 'abc._p2p._udp.local', host: 'abc.local' }
const eth0 = link('eth0', ['192.168.7.2/24'])
let ours: PeerId
let theirs: PeerId
let sent: Buffer[]
let found: PeerInfo[]
let upstream: Upstream

beforeAll(async () => {
  ;[ours, theirs] = await Promise.all([makePeer(), makePeer()])
  sent = []
  found = []
  const parts = components(theirs, ['/ip4/192.168.7.3/tcp/4001', '/ip4/192.168.7.3/tcp/4002/ws'])
  upstream = upstreamMdns()(parts as unknown as Parameters<ReturnType<typeof upstreamMdns>>[0]) as unknown as Upstream
  upstream.mdns = { respond: (answers) => sent.push(encode({ type: 'response', answers })) }
  upstream.addEventListener('peer', (event) => found.push((event as CustomEvent<PeerInfo>).detail))
})

describe('packets of @libp2p/mdns and ours', () => {
  it('it answers our query, and we read its answer', () => {
    upstream._onMdnsQuery(decode(buildQuery(names.serviceTag)))
    expect(sent).toHaveLength(1)
    const message = parseMessage(sent[0] as Buffer, names)
    const [sighting] = message.kind === 'response' ? message.sightings : []
    const read = sighting && readSighting(sighting, { ownHost: false, own: new Set(), links: [eth0] })
    expect(read?.peer?.id.toString()).toBe(theirs.toString())
    expect(read?.peer?.multiaddrs.map(String)).toEqual(['/ip4/192.168.7.3/tcp/4001', '/ip4/192.168.7.3/tcp/4002/ws'])
  })

  it('we recognize its query, and it reads our answer', () => {
    const query = encode({ type: 'query', questions: [{ name: names.serviceTag, type: 'PTR' }] })
    const message = parseMessage(query, names)
    expect(message.kind === 'query' && [...message.wanted]).toEqual(['peer'])
    const addresses = [4001, 4002].map((port) => ({
      text: `/ip4/192.168.7.2/tcp/${port}/p2p/${ours.toString()}`,
      port
    }))
    upstream._onMdnsResponse(
      decode(buildAnswer({ names, wanted: new Set(['peer']), addresses, link: eth0 }) ?? Buffer.alloc(0))
    )
    expect(found.map((peer) => [peer.id.toString(), peer.multiaddrs.map(String)])).toEqual([
      [ours.toString(), ['/ip4/192.168.7.2/tcp/4001', '/ip4/192.168.7.2/tcp/4002']]
    ])
  })

  it('it does not discover us by our goodbye', () => {
    const before = found.length
    upstream._onMdnsResponse(decode(buildGoodbye(names)))
    expect(found).toHaveLength(before)
  })
})
