import { FakeClock } from '@penin/testing'
import { describe, expect, it } from 'vitest'
import { RecordWriter } from '../src/index.js'

/** What both users of it have: changes are on the disk a second later. */
const DELAY = 1_000

/** Rows as they would be on the disk, and every batch that was committed. */
class Store {
  readonly rows = new Map<string, string>()
  readonly batches: number[] = []
  /** What a commit waits for; it fails if that rejects. */
  gate: () => Promise<void> = async () => Promise.resolve()

  batch() {
    const changes: Array<() => void> = []
    return {
      put: (key: string, value: Uint8Array) => changes.push(() => this.rows.set(key, Buffer.from(value).toString())),
      delete: (key: string) => changes.push(() => this.rows.delete(key)),
      commit: async () => {
        await this.gate()
        this.batches.push(changes.length)
        for (const change of changes) {
          change()
        }
      }
    }
  }
}

function make(prepare?: () => Promise<void>) {
  const clock = new FakeClock()
  const store = new Store()
  /** What the owner has in memory. */
  const records = new Map<string, string>()
  const writer = new RecordWriter<string>({
    datastore: store,
    clock,
    delay: DELAY,
    keyOf: (name) => `/${name}`,
    encode: (name) => {
      const value = records.get(name)
      return value == null ? undefined : Buffer.from(value)
    },
    ...(prepare == null ? {} : { prepare })
  })
  const change = (name: string, value: string): void => {
    records.set(name, value)
    writer.note(name)
  }
  const remove = (name: string): void => {
    records.delete(name)
    writer.note(name)
  }
  return { clock, store, writer, change, remove }
}

const failing = async (): Promise<void> => Promise.reject(new RangeError('disk full'))

describe('changes', () => {
  it('are on the disk a second after they were made, however many follow', async () => {
    const { clock, store, change } = make()
    change('first', '1')
    for (let i = 0; i < 9; i++) {
      await clock.tickAsync(DELAY / 10)
      change('busy', String(i))
    }
    expect(store.batches).toEqual([])
    await clock.tickAsync(DELAY / 10)
    expect(Object.fromEntries(store.rows)).toEqual({ '/first': '1', '/busy': '8' })
  })

  it('to one record are one write, of what it is by then; a record that is gone is deleted', async () => {
    const { clock, store, writer, change, remove } = make()
    for (let i = 0; i < 100; i++) {
      change('a', String(i))
    }
    change('b', 'soon gone')
    await clock.tickAsync(DELAY)
    remove('b')
    await clock.tickAsync(DELAY)
    expect(Object.fromEntries(store.rows)).toEqual({ '/a': '99' })
    expect([store.batches, writer.stats()]).toEqual([[2, 1], { dirty: 0, written: 3, writeErrors: 0 }])
  })

  it('leave no timer behind when all are written', async () => {
    const { clock, change } = make()
    change('a', '1')
    await clock.tickAsync(DELAY)
    expect(clock.pending()).toBe(0)
  })

  it('go in batches of 500, so that other writers get their turn in between', async () => {
    const { clock, store, change } = make()
    for (let i = 0; i < 1_234; i++) {
      change(`record ${i}`, 'x')
    }
    await clock.tickAsync(DELAY)
    expect(store.batches).toEqual([500, 500, 234])
    expect(store.rows.size).toBe(1_234)
  })

  it('made while a write is under way are written a second later at the latest', async () => {
    const { clock, store, change } = make()
    const gate = Promise.withResolvers<undefined>()
    store.gate = async () => gate.promise
    change('a', 'old')
    await clock.tickAsync(DELAY)
    change('a', 'new')
    gate.resolve(undefined)
    await clock.tickAsync(DELAY)
    expect([store.rows.get('/a'), clock.pending()]).toEqual(['new', 0])
  })

  it('are written at once by a flush, those made while a write is under way too', async () => {
    const { clock, store, writer, change } = make()
    const gate = Promise.withResolvers<undefined>()
    store.gate = async () => gate.promise
    change('a', 'old')
    await clock.tickAsync(DELAY)
    change('a', 'new')
    const flushed = writer.flush()
    gate.resolve(undefined)
    await flushed
    expect([store.rows.get('/a'), clock.pending()]).toEqual(['new', 0])
  })
})

describe('a store that fails', () => {
  it('is tried again each second, and nothing is lost when it recovers', async () => {
    const { clock, store, writer, change } = make()
    store.gate = failing
    change('a', '1')
    await clock.tickAsync(3 * DELAY)
    expect([store.rows.size, writer.stats()]).toEqual([0, { dirty: 1, written: 0, writeErrors: 3 }])
    change('a', '2')
    store.gate = async () => Promise.resolve()
    await clock.tickAsync(DELAY)
    expect(Object.fromEntries(store.rows)).toEqual({ '/a': '2' })
    expect([writer.stats(), clock.pending()]).toEqual([{ dirty: 0, written: 1, writeErrors: 3 }, 0])
  })

  it('in the midst keeps what has not been written, and writes nothing twice', async () => {
    const { clock, store, writer, change } = make()
    let commits = 0
    store.gate = async () => (++commits === 2 ? failing() : Promise.resolve())
    for (let i = 0; i < 1_200; i++) {
      change(`record ${i}`, 'x')
    }
    await clock.tickAsync(DELAY)
    expect(writer.stats()).toEqual({ dirty: 700, written: 500, writeErrors: 1 })
    await clock.tickAsync(DELAY)
    expect([store.batches, store.rows.size]).toEqual([[500, 500, 200], 1_200])
  })

  it('while a flush waits is tried again by that flush', async () => {
    const { clock, store, writer, change } = make()
    const gate = Promise.withResolvers<undefined>()
    store.gate = async () => gate.promise
    change('a', '1')
    await clock.tickAsync(DELAY)
    const flushed = writer.flush()
    store.gate = async () => Promise.resolve()
    gate.reject(new RangeError('disk full'))
    await flushed
    expect([store.rows.get('/a'), writer.stats()]).toEqual(['1', { dirty: 0, written: 1, writeErrors: 1 }])
  })

  it('before the write, in what is to be prepared, loses nothing either', async () => {
    let isReady = false
    const { clock, store, writer, change } = make(async () => (isReady ? Promise.resolve() : failing()))
    change('a', '1')
    await clock.tickAsync(DELAY)
    expect([store.batches, writer.stats().writeErrors]).toEqual([[], 1])
    isReady = true
    await clock.tickAsync(DELAY)
    expect(store.rows.get('/a')).toBe('1')
  })

  it('for hours holds one name for each record and one timer, whatever is changed', async () => {
    const { clock, store, writer, change } = make()
    store.gate = failing
    for (let hour = 0; hour < 3; hour++) {
      for (let i = 0; i < 20_000; i++) {
        change(`record ${i % 50}`, String(i))
      }
      await clock.tickAsync(10 * DELAY)
      expect([writer.dirty.size, clock.pending()]).toEqual([50, 1])
    }
  })
})

describe('a close', () => {
  it('writes all changes at once, and takes no more', async () => {
    const { clock, store, writer, change } = make()
    change('a', '1')
    await writer.close()
    change('b', 'too late')
    await writer.flush()
    await writer.close()
    expect(Object.fromEntries(store.rows)).toEqual({ '/a': '1' })
    expect([writer.isClosed, writer.stats().dirty, clock.pending()]).toEqual([true, 0, 0])
  })

  it('waits for a write that is under way, and writes what came after it', async () => {
    const { clock, store, writer, change } = make()
    const gate = Promise.withResolvers<undefined>()
    store.gate = async () => gate.promise
    change('a', '1')
    await clock.tickAsync(DELAY)
    change('b', '2')
    const closed = Promise.all([writer.close(), writer.close()])
    gate.resolve(undefined)
    await closed
    expect(Object.fromEntries(store.rows)).toEqual({ '/a': '1', '/b': '2' })
  })

  it('does not reject nor go on trying if the store fails', async () => {
    const { clock, store, writer, change } = make()
    store.gate = failing
    change('a', '1')
    await writer.close()
    expect([writer.stats(), clock.pending()]).toEqual([{ dirty: 1, written: 0, writeErrors: 1 }, 0])
  })
})

it('records of no use are deleted in batches, again after a failure', async () => {
  const { clock, store, writer } = make()
  const keys = Array.from({ length: 1_100 }, (_, i) => `/old ${i}`)
  for (const key of [...keys, '/kept']) {
    store.rows.set(key, 'x')
  }
  let commits = 0
  store.gate = async () => (++commits === 2 ? failing() : Promise.resolve())
  writer.discard(keys)
  await clock.tickAsync(DELAY)
  expect(writer.stats()).toEqual({ dirty: 0, written: 500, writeErrors: 1 })
  await clock.tickAsync(DELAY)
  expect([store.batches, [...store.rows.keys()], clock.pending()]).toEqual([[500, 500, 100], ['/kept'], 0])
})
