import { multiaddr } from '@multiformats/multiaddr'
import type { PeerId } from '@libp2p/interface'
import { describe, expect, it } from 'vitest'
import { Links } from '../src/links.js'
import { Wishes, type WantedCapability } from '../src/wishes.js'
import { makeBook, named } from './support.js'

const CPU = 'resources:cpu'

/** Wishes over peers that are called by their names; `able` are those that offer what is asked for, the latest last. */
function wishing(
  wanted: WantedCapability[],
  able: string[]
): {
  wishes: Wishes
  links: Links
  scores: Map<string, number>
  book: ReturnType<typeof makeBook>
  connect: (name: string, direction: 'inbound' | 'outbound', at: number) => void
} {
  const links = new Links()
  const book = makeBook(named('me'))
  const scores = new Map<string, number>()
  const ids = able.map((name) => key(name))
  const wishes = new Wishes({
    wanted: () => wanted,
    lookup: {
      offers: (id, capability) => capability === CPU && ids.includes(id),
      offering: (capability) => (capability === CPU ? ids.toReversed() : [])
    },
    links,
    book,
    scoreOf: (id) => scores.get(id) ?? 50
  })
  const connect = (name: string, direction: 'inbound' | 'outbound', at: number): void => {
    links.open(key(name), { direction, remoteAddr: multiaddr('/ip4/45.45.45.1/tcp/1') }, at)
    links.accept(key(name))
  }
  return { wishes, links, scores, book, connect }
}

const id = (name: string): PeerId => named(name)
const key = (name: string): string => id(name).toString()

describe('a wish', () => {
  it('is served by outbound peers first, then by those connected longest, and by no more than were asked for', () => {
    const { wishes, connect } = wishing([{ capability: CPU, peers: 2 }], ['in', 'later', 'out', 'last'])
    connect('other', 'outbound', 0)
    connect('in', 'inbound', 1)
    connect('later', 'inbound', 2)
    const serving = (): string[] => ['in', 'later', 'out', 'other'].filter((name) => wishes.isServing(key(name)))
    expect(serving()).toEqual(['in', 'later'])
    connect('out', 'outbound', 3)
    expect(serving()).toEqual(['in', 'out'])
  })

  it('is not served by a peer that has lost its reputation, nor is such a peer a candidate', () => {
    const { wishes, connect, scores, book } = wishing([{ capability: CPU, peers: 1 }], ['bad', 'worse'])
    connect('bad', 'outbound', 0)
    expect(wishes.missing([])).toEqual([])
    scores.set(key('bad'), 24).set(key('worse'), 24)
    expect(wishes.isServing(key('bad'))).toBe(false)
    expect(wishes.missing([])).toEqual([{ capability: CPU, missing: 1 }])
    book.add({ id: id('worse'), multiaddrs: [multiaddr('/ip4/45.45.45.2/tcp/1')], source: 'pex', sourceGroup: 'a' })
    expect(wishes.candidates(wishes.missing([]), () => true)).toEqual([])
  })

  it('lacks what is neither connected nor being dialled', () => {
    const { wishes, connect } = wishing([{ capability: CPU, peers: 3 }], ['here', 'coming'])
    connect('here', 'inbound', 0)
    const underWay = ['here', 'coming', 'another'].map(key)
    expect(wishes.missing(underWay)).toEqual([{ capability: CPU, missing: 1 }])
  })

  it('finds those who said earlier that they have it in the book, unless they are not to be dialled', () => {
    const names = ['banned', 'onion', 'busy', 'unknown', 'first', 'second']
    const { wishes, book } = wishing([{ capability: CPU, peers: 3 }], names)
    for (const [index, name] of names.entries()) {
      if (name !== 'unknown') {
        const address = name === 'onion' ? `/onion3/${'a'.repeat(56)}:80` : `/ip4/45.45.${index}.2/tcp/1`
        book.add({ id: id(name), multiaddrs: [multiaddr(address)], source: 'pex', sourceGroup: 'a' })
      }
    }
    book.ban(id('banned'), Date.now() + 60_000)
    const missing = wishes.missing([])
    const found = wishes.candidates(missing, (text) => text !== key('busy'))
    expect(found.map((peer) => peer.id)).toEqual([key('second'), key('first')])
    expect(wishes.of(key('first'))).toEqual([CPU])
    expect(wishes.candidates([], () => true)).toEqual([])
  })
})
