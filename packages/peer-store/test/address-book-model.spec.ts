import { seededRng, type FakeClock } from '@penin/testing'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { AddressBook, fromJSON, toJSON } from '../src/index.js'
import { DAY, HOUR, idOf, makeBook, MINUTE, SECRET, SELF } from './address-book-support.js'
import type { BookCandidate } from '../src/index.js'

/** What the commands work on, and what a book must remember whatever happens. */
interface Model {
  book: AddressBook
  clock: FakeClock
  maxSize: number
  seed: number
  seqs: Map<string, bigint>
  bans: Map<string, number>
}

interface Command {
  text: string
  run: (model: Model) => void
}

const peers = fc.integer({ min: 0, max: 40 }).map(idOf)

/** Few hosts, ports and groups, so that quotas are reached and places collide. */
const addresses = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 4 })).map(([a, b]) => `/ip4/1.${a}.1.1/tcp/${b}`),
  fc.integer({ min: 1, max: 5 }).map((n) => `/ip4/10.0.0.${n}/tcp/4001`),
  fc.integer({ min: 1, max: 5 }).map((n) => `/ip6/2a00:${n}::1/tcp/4001`),
  fc.constantFrom(
    '/ip4/127.0.0.1/tcp/4001',
    '/dns4/a.example.com/tcp/4001',
    '/ip4/0.0.0.0/tcp/1',
    '/ip4/9.9.9.9/tcp/9',
    `/ip4/1.9.1.1/tcp/1/p2p/${SELF}/p2p-circuit`
  )
)

const candidates: fc.Arbitrary<BookCandidate> = fc
  .record({
    id: peers,
    multiaddrs: fc.array(addresses, { maxLength: 10 }),
    source: fc.constantFrom('pex', 'mdns', 'manual', 'inbound', 'store'),
    sourceGroup: fc.constantFrom('1.1', '1.2', '2.1', '3.1', '4.1', '10.0.0.1'),
    seq: fc.option(fc.bigInt({ min: 0n, max: 5n }), { nil: undefined })
  })
  .map(({ seq, ...rest }) => ({
    ...rest,
    ...(seq == null ? {} : { record: { seq, certified: true, bytes: Uint8Array.of(Number(seq)) } })
  }))

const command = <T>(
  name: string,
  values: fc.Arbitrary<T>,
  run: (model: Model, value: T) => void
): fc.Arbitrary<Command> =>
  values.map((value) => ({
    text: `${name} ${fc.stringify(value)}`,
    run: (model) => {
      run(model, value)
    }
  }))

function restart(model: Model, makeNew: (before: AddressBook) => AddressBook): void {
  const before = toJSON(model.book.snapshot())
  const after = makeNew(model.book)
  // An entry that a lower maxSize or nothing at all would change: the same secret gives the same book.
  expect(sorted(toJSON(after.snapshot()))).toEqual(sorted(before))
  model.book = after
}

function sorted(json: ReturnType<typeof toJSON>): unknown {
  const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1)
  return {
    ...json,
    entries: json.entries.toSorted(byId),
    bans: json.bans.toSorted(byId),
    marks: json.marks.toSorted(byId)
  }
}

/** A ban that was found to be over does not come back when the clock is set back. */
function forgetOver(bans: Map<string, number>, clock: FakeClock): void {
  for (const [id, until] of bans) {
    if (until <= clock.now()) {
      bans.delete(id)
    }
  }
}

const commands = fc.oneof(
  { weight: 8, arbitrary: command('add', candidates, ({ book }, value) => void book.add(value)) },
  { weight: 2, arbitrary: command('attempt', peers, ({ book }, id) => void book.attempt(id)) },
  {
    weight: 5,
    arbitrary: command('good', fc.tuple(peers, fc.option(addresses)), ({ book }, [id, address]) => {
      book.good(id, address == null ? {} : { address })
    })
  },
  {
    weight: 4,
    arbitrary: command('failed', fc.tuple(peers, fc.integer({ min: 1, max: 10 })), ({ book }, [id, times]) => {
      for (let i = 0; i < times; i++) {
        book.failed(id)
      }
    })
  },
  {
    weight: 1,
    arbitrary: command(
      'ban',
      fc.tuple(peers, fc.constantFrom(HOUR, DAY, Infinity)),
      ({ book, clock, bans }, [id, time]) => {
        book.ban(id, clock.now() + time)
        bans.set(id, clock.now() + time)
      }
    )
  },
  {
    weight: 1,
    arbitrary: command('unban', peers, ({ book, bans }, id) => {
      book.unban(id)
      bans.delete(id)
    })
  },
  {
    weight: 1,
    arbitrary: command(
      'mark',
      fc.tuple(peers, fc.record({ persistent: fc.boolean(), private: fc.boolean() })),
      ({ book }, [id, marks]) => void book.mark(id, marks)
    )
  },
  {
    weight: 1,
    arbitrary: command('remove', peers, ({ book, seqs }, id) => {
      book.remove(id)
      seqs.delete(id)
    })
  },
  {
    weight: 1,
    arbitrary: command('expire', fc.constantFrom(1024, 20_480), ({ book, clock, bans }, n) => {
      book.expire(n)
      forgetOver(bans, clock)
    })
  },
  {
    weight: 3,
    arbitrary: command('tick', fc.constantFrom(MINUTE, HOUR, 5 * HOUR, DAY, 8 * DAY), ({ clock }, ms) => {
      clock.tick(ms)
    })
  },
  { weight: 1, arbitrary: command('jump', fc.constantFrom(-DAY, DAY), ({ clock }, ms) => void clock.jump(ms)) },
  {
    weight: 1,
    arbitrary: command('own', fc.array(addresses, { maxLength: 1 }), ({ book }, own) => void book.setOwnAddresses(own))
  },
  {
    weight: 1,
    arbitrary: command('anchors', fc.array(peers, { maxLength: 3 }), ({ book }, ids) => void book.setAnchors(ids))
  },
  {
    weight: 2,
    arbitrary: command('choose', fc.integer({ min: 0, max: 9 }), ({ book, clock, bans }, count) => {
      const chosen = [...book.select({ count }), ...book.anchors()].map(({ id }) => id)
      const banned = chosen.filter((id) => (bans.get(id) ?? 0) > clock.now())
      expect(banned).toEqual([])
      expect(book.sampleForExchange({ scope: 'public' }).every(({ id }) => book.marks(id).private !== true)).toBe(true)
    })
  },
  {
    weight: 1,
    arbitrary: command('restart', fc.constant(0), (model) => {
      // Own addresses are said anew after a restart.
      model.book.setOwnAddresses([])
      forgetOver(model.bans, model.clock)
      restart(model, (before) => {
        const { clock, maxSize, seed } = model
        const book = new AddressBook({ selfId: SELF, secret: SECRET, clock, rng: seededRng(seed), maxSize })
        book.restore(fromJSON(JSON.stringify(toJSON(before.snapshot()))))
        return book
      })
    })
  }
)

it('any sequence of commands keeps every invariant, in books of any size', () => {
  const sizes = fc.constantFrom(20_480, 640, 320, 30, 5)
  fc.assert(
    fc.property(
      sizes,
      fc.nat(1000),
      fc.array(commands, { minLength: 1, maxLength: 70, size: 'max' }),
      (maxSize, seed, sequence) => {
        const { book, clock } = makeBook({ maxSize }, seed)
        const model: Model = { book, clock, maxSize, seed, seqs: new Map(), bans: new Map() }
        for (const { run, text } of sequence) {
          run(model)
          expect(model.book.checkInvariants(), text).toEqual([])
          checkMonotone(model, text)
        }
      }
    ),
    { numRuns: 150 }
  )
})

/** Sequence numbers never go back while a peer stays in the book. */
function checkMonotone({ book, seqs }: Model, text: string): void {
  const known = new Map(Array.from(book.entries(), ({ id, seq }) => [id, seq]))
  for (const [id, before] of seqs) {
    const now = known.get(id)
    expect(!known.has(id) || (now != null && now >= before), `${text}: ${id} went from ${before} to ${now ?? 0n}`).toBe(
      true
    )
  }
  seqs.clear()
  for (const [id, seq] of known) {
    if (seq != null) {
      seqs.set(id, seq)
    }
  }
}
