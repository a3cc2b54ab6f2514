import { until } from '@penin/testing'
import { describe, expect, it } from 'vitest'
import { pair } from './support.js'

const RETRY = { within: 600, attempts: 2 }

describe('from whom messages are taken', () => {
  it('a stream waits until that is known, and then nothing of it is missing', async () => {
    const known = Promise.withResolvers<boolean>()
    let asked = 0
    const [a, b] = await pair({}, { isPeer: async () => (asked++, known.promise) })
    const got: string[] = []
    b.messages.handle('x', (message) => void got.push(message.text()))
    const sending = Promise.all(['one', 'two', 'three'].map(async (text) => a.messages.send(b.id, 'x', text)))
    await until(() => asked === 1, { message: 'it was not asked' })
    await new Promise(setImmediate)
    expect(got).toEqual([])
    known.resolve(true)
    await sending
    expect(got).toEqual(['one', 'two', 'three'])
    expect(a.messages.countsOf(b.id)).toMatchObject({ delivered: 3 })
    expect(b.messages.countsOf(b.id)).toBeUndefined()
  })

  it('whoever is refused, or not known because the question fails, gets nothing in', async () => {
    for (const isPeer of [() => false, async () => Promise.reject(new Error('no idea'))]) {
      const [a, b] = await pair({ retry: RETRY }, { isPeer })
      b.messages.handle('x', () => undefined)
      await expect(a.messages.send(b.id, 'x')).rejects.toMatchObject({ name: 'PeerUnreachableError' })
      expect(b.messages.stats().total).toMatchObject({ received: 0, wireBytesIn: 0 })
      expect(b.reporter.reports).toEqual([])
    }
  })

  it('a stream that ends while that is found out is forgotten, as one is when the service stops', async () => {
    const known = Promise.withResolvers<boolean>()
    let asked = 0
    const [a, b] = await pair({ retry: RETRY }, { isPeer: async () => (asked++, known.promise) })
    b.messages.handle('x', () => undefined)
    const sending = a.messages.send(b.id, 'x').catch(({ name }: Error) => name)
    await until(() => asked === 1, { message: 'it was not asked' })
    await b.node.stop()
    known.resolve(true)
    expect(await sending).toMatch(/^(PeerUnreachable|MessageExpired)Error$/)
    expect(b.messages.stats().total.received).toBe(0)
  })
})
