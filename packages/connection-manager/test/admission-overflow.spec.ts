import type { PeerId } from '@libp2p/interface'
import { FakeClock } from '@penin/testing'
import { describe, expect, it } from 'vitest'
import { Admission, type AdmissionInit } from '../src/index.js'
import { dial, enter, from, type Raw } from './admission-support.js'
import { named } from './support.js'

const NAMES = ['a', 'b', 'c', 'd', 'e']

/** Two inbound places, and three more for a short while. */
function overflowing(init: Partial<AdmissionInit> = {}): { admission: Admission; promoted: string[] } {
  const promoted: string[] = []
  const limits = { inbound: 2, outbound: 2, total: 3, minOutbound: 1 }
  const nameOf = (peer: PeerId): string => NAMES.find((name) => named(name).equals(peer)) ?? '?'
  const onPromoted = (peer: PeerId): void => void promoted.push(nameOf(peer))
  return {
    admission: new Admission({ clock: new FakeClock(), limits, overflow: 3, onPromoted, ...init }),
    promoted
  }
}

async function enterAll(admission: Admission): Promise<Raw[]> {
  const raws: Raw[] = []
  for (const name of NAMES) {
    raws.push((await enter(admission, name)) ?? from())
  }
  return raws
}

function surplusOf(admission: Admission, raws: Raw[]): Array<string | undefined> {
  return raws.map((raw) => admission.surplusOf(raw as never))
}

describe('Admission: who was let in for a short while', () => {
  it('gets the place that becomes free, the first of them first, and is told of', async () => {
    const { admission, promoted } = overflowing()
    const raws = await enterAll(admission)
    const over = 'too-many-inbound'
    expect(surplusOf(admission, raws)).toEqual([undefined, undefined, over, over, over])
    raws[0]?.abort()
    expect(surplusOf(admission, raws)).toEqual([undefined, undefined, undefined, over, over])
    raws[3]?.abort()
    expect(promoted).toEqual(['c'])
    raws[1]?.abort()
    expect(promoted).toEqual(['c', 'e'])
    expect(surplusOf(admission, raws)).toEqual(NAMES.map(() => undefined))
    expect(admission.counts).toEqual({ inbound: 2, outbound: 0 })
  })

  it('gets the place of an outbound connection too, where the total was the limit', async () => {
    const { admission, promoted } = overflowing({ limits: { inbound: 3, outbound: 3, total: 3, minOutbound: 0 } })
    const out = await dial(admission, 'x')
    const raws = await enterAll(admission)
    expect(surplusOf(admission, raws).slice(0, 3)).toEqual([undefined, undefined, 'too-many-connections'])
    out?.abort()
    expect(promoted).toEqual(['c'])
  })

  it('does not get it while it is being let go, and then the next one does', async () => {
    const { admission, promoted } = overflowing()
    const raws = await enterAll(admission)
    Object.assign(raws[2] as Raw, { status: 'closing' })
    raws[0]?.abort()
    expect(promoted).toEqual(['d'])
  })

  it('gets the place that became free while room was to be made for it in vain', async () => {
    const waiting: Array<(isMade: boolean) => void> = []
    const makeRoom = async (): Promise<boolean> => new Promise((resolve) => waiting.push(resolve))
    const { admission, promoted } = overflowing({ makeRoom })
    const first = await enter(admission, 'a')
    await enter(admission, 'b')
    const entering = enter(admission, 'c')
    await new FakeClock().tickAsync(0)
    first?.abort()
    waiting.forEach((resolve) => {
      resolve(false)
    })
    const raw = (await entering) as Raw
    expect(surplusOf(admission, [raw])).toEqual([undefined])
    expect(promoted).toEqual(['c'])
  })

  it('does not get the place that somebody was let go for', async () => {
    const victims: Raw[] = []
    const makeRoom = async (): Promise<boolean> => {
      const victim = victims.shift()
      victim?.abort()
      return Promise.resolve(victim != null)
    }
    const { admission, promoted } = overflowing({ makeRoom })
    const first = (await enter(admission, 'a')) as Raw
    await enter(admission, 'b')
    const passing = (await enter(admission, 'c')) as Raw
    victims.push(first)
    const newcomer = (await enter(admission, 'd')) as Raw
    expect(surplusOf(admission, [passing, newcomer])).toEqual(['too-many-inbound', undefined])
    expect(promoted).toEqual([])
  })

  it('is one connection of a peer, and not the other that has a place', async () => {
    const { admission } = overflowing()
    const settled = (await enter(admission, 'a')) as Raw
    await enter(admission, 'b')
    const passing = (await enter(admission, 'a', from('/ip4/127.0.0.1'))) as Raw
    expect(surplusOf(admission, [settled, passing])).toEqual([undefined, 'too-many-inbound'])
    passing.abort()
    expect(surplusOf(admission, [settled])).toEqual([undefined])
  })
})
