import type { Connection, Libp2p } from '@libp2p/interface'
import { FakeClock } from '@penin/testing'
import { expect, it } from 'vitest'
import type { NodeServices } from '../src/libp2p.js'
import { Visits } from '../src/visits.js'
import { greetingOf, named } from './view-support.js'

/** A visit to a peer that has no place for us; `answer` ends the question for others. */
function visit(): { leave: Promise<void>; answer: () => void; released: string[]; hello: { surplus?: string } } {
  const asked = Promise.withResolvers<void>()
  const released: string[] = []
  const hello = { ...greetingOf(), surplus: 'too-many-inbound' }
  const services = {
    pex: { ask: async () => asked.promise },
    hello: { acquaintance: () => ({ state: 'greeted', hello }) },
    keeper: { release: (id: unknown) => released.push(String(id)), isAccepted: () => false }
  }
  const libp2p = { services, getConnections: () => [] } as unknown as Libp2p<NodeServices>
  const visits = new Visits({ libp2p, clock: new FakeClock(), stopping: new AbortController().signal })
  const leave = visits.leave({ remotePeer: named('full') } as Connection)
  return { leave, answer: asked.resolve, released, hello }
}

it('a peer without a place for this node is left once it has been asked for others', async () => {
  const { leave, answer, released } = visit()
  expect(released).toEqual([])
  answer()
  await leave
  expect(released).toEqual([named('full').toString()])
})

it('a peer that has found a place meanwhile is not left', async () => {
  const { leave, answer, released, hello } = visit()
  delete hello.surplus
  answer()
  await leave
  expect(released).toEqual([])
})
