import { readFile, writeFile } from 'node:fs/promises'
import { Cluster, until, type Heard, type NodeProcess } from '@penin/e2e'
import { expect, it } from 'vitest'

/** Nobody finds anybody but by what is configured. */
const discovery = { mdns: false, dht: false, pex: false }

it('each of five processes sends each other one 200 messages: all are taken, once and in order', async () => {
  await using cluster = new Cluster()
  const hub = await cluster.start('hub', { discovery })
  const others = await cluster.startMany(4, 'node', { discovery, bootstrap: [hub.address] })
  const nodes = [hub, ...others]
  await introduceAll(nodes)

  const sent = await Promise.all(
    nodes.map(async (node) => node.request('sendMany', { ...numbers(200, 1_000), to: idsBut(nodes, node) }))
  )
  for (const [index, node] of nodes.entries()) {
    expect(sent[index]).toMatchObject({ taken: 800, failed: {} })
    expect(await node.request('received', undefined)).toEqual(allOf(200, idsBut(nodes, node)))
  }
  expect(cluster.unhandled).toEqual([])
})

it('a message to a peer that is absent is taken when it comes, and durable ones survive the death of the sender', async () => {
  await using cluster = new Cluster()
  const [a, b] = await Promise.all([cluster.start('a', { discovery }), cluster.start('b', { discovery })])
  await a.request('add', { address: b.address })
  await b.stop()

  const plain = a.request('send', { peer: b.id, type: 'numbers', text: '0' })
  await until(async () => (await a.request('stats', undefined)).messages.queued === 1, {
    ms: 5_000,
    what: 'none waits'
  })
  await b.start()
  await plain
  expect(await b.request('received', undefined)).toEqual(allOf(1, [a.id]))

  await b.stop()
  const doomed = a
    .request('sendMany', { ...numbers(100, 10_000), to: [b.id], durable: true })
    .catch(({ name }: Error) => name)
  await stored(a, 100)
  await a.kill()
  expect(await doomed).toBe('NodeProcessEndedError')
  await a.start()
  await b.start()
  await receivedAll(b, a, 100)
  expect(await b.request('received', undefined)).toEqual(allOf(100, [a.id]))
  await stored(a, 0)
  expect(cluster.unhandled).toEqual([])
})

it('a receiver that is killed while durable messages come takes each of them, again only those not yet acknowledged', async () => {
  await using cluster = new Cluster()
  const [a, b] = await Promise.all([cluster.start('a', { discovery }), cluster.make('b', { discovery })])
  const journal = `${String(b.config.dataDir)}.journal`
  await writeFile(journal, '')
  await b.start()
  await a.request('add', { address: b.address })
  const [count, deaths] = [3_000, 3]
  const sending = a.request('sendMany', { ...numbers(count, 500), to: [b.id], durable: true })

  const lives: Array<{ acknowledged: number; handled: number }> = []
  for (let round = 1; round <= deaths; round++) {
    await until(async () => (await numbersIn(journal)).length >= 600 * round, {
      ms: 20_000,
      what: `not ${600 * round} messages`,
      interval: 20
    })
    const acknowledged = (await a.request('stats', undefined)).messages.delivered
    await b.kill()
    lives.push({ acknowledged, handled: (await numbersIn(journal)).length })
    await b.start()
  }
  expect(await sending).toMatchObject({ taken: count, failed: {} })
  const taken = await numbersIn(journal)
  expect(new Set(taken).size).toBe(count)
  process.stdout.write(`durable messages handled again after ${deaths} deaths: ${taken.length - count}\n`)
  for (const { acknowledged, handled } of lives) {
    expect(taken.slice(handled).every((number) => Number(number) >= acknowledged)).toBe(true)
  }
  await stored(a, 0)
  expect(cluster.unhandled).toEqual([])
})

it('a hundred messages of fifty nodes reach every subscriber within 2 s, none twice; invalid ones end at the first hop', async () => {
  await using cluster = new Cluster()
  const found = { mdns: false, dht: false, pex: true }
  const connections = { target: 8, inboundBurst: 1_000 }
  const hub = await cluster.start('hub', { discovery: found, profile: 'bridge' })
  const config = { discovery: found, bootstrap: [hub.address], listen: ['/ip4/127.0.0.1/tcp/0'], connections }
  const hosts = [hub, ...(await cluster.startMany(4, 'host', config))]
  await Promise.all(
    hosts.map(async (host) => {
      await host.request('join', { count: 9, config })
    })
  )
  const nodes = 10 * hosts.length
  await Promise.all(hosts.map(async (host) => host.request('subscribe', { topic: 'news', forbidden: 'bad' })))
  await meshed(hosts)

  for (let i = 0; i < 100; i++) {
    const host = hosts[i % hosts.length] as NodeProcess
    expect(
      await host.request('publish', { at: Math.floor(i / hosts.length) % 10, topic: 'news', text: `n${i}` })
    ).toBeGreaterThan(0)
  }
  await until(async () => (await heard(hosts)).every(({ count }) => count >= 98), {
    ms: 20_000,
    what: 'not everybody has heard everything'
  })
  const all = await heard(hosts)
  expect(all).toHaveLength(nodes)
  for (const { texts, count } of all) {
    expect(count).toBe(texts.length) // none twice
    expect(count).toBe(98) // all but the two of its own
  }
  const delays = all.flatMap(({ delays }) => delays).sort((x, y) => x - y)
  const [p50 = NaN, p99 = NaN] = [0.5, 0.99].map((share) => delays[Math.floor(share * delays.length)])
  process.stdout.write(`broadcast to ${nodes} nodes: p50 ${p50} ms, p99 ${p99} ms, last ${delays.at(-1) ?? NaN} ms\n`)
  expect(p99).toBeLessThan(2_000)

  const liar = (await statsOf(hosts))[7]
  const recipients = await (hosts[0] as NodeProcess).request('publish', { at: 7, topic: 'news', text: 'bad' })
  await until(async () => invalid(await statsOf(hosts)) >= recipients, { ms: 5_000, what: 'not stopped' })
  const stats = await statsOf(hosts)
  expect(invalid(stats)).toBe(recipients) // by those it was sent to, and by nobody behind them
  const reports = stats.filter(({ reputation }) => Object.keys(reputation.reports).length > 0)
  expect(reports).toHaveLength(recipients)
  expect(reports.every(({ reputation }) => reputation.reports['broadcast-invalid'] === 1)).toBe(true)
  expect(reports.some(({ id }) => id === liar?.id)).toBe(false)
  expect((await heard(hosts)).some(({ texts }) => texts.includes('bad'))).toBe(false)
  expect(cluster.unhandled).toEqual([])

  function invalid(of: typeof stats): number {
    return of.reduce((sum, { messages }) => sum + (messages.broadcast.total.dropped.invalid ?? 0), 0)
  }
})

function numbers(count: number, perSecond: number): { type: string; count: number; perSecond: number; size: number } {
  return { type: 'numbers', count, perSecond, size: 100 }
}

function idsBut(nodes: readonly NodeProcess[], self: NodeProcess): string[] {
  return nodes.filter((node) => node !== self).map(({ id }) => id)
}

/** So many from each, none of them twice, all in order. */
function allOf(count: number, senders: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(senders.map((id) => [id, { count, distinct: count, disorder: 0 }]))
}

/** Everybody knows everybody's address; who is connected to whom is left to them. */
async function introduceAll(nodes: readonly NodeProcess[]): Promise<void> {
  for (const node of nodes) {
    for (const other of nodes.slice(0, nodes.indexOf(node))) {
      await node.request('add', { address: other.address })
    }
  }
}

async function numbersIn(journal: string): Promise<string[]> {
  return (await readFile(journal, 'utf8')).split('\n').filter(Boolean)
}

async function ofSender(
  receiver: NodeProcess,
  sender: NodeProcess
): Promise<{ count: number; distinct: number; disorder: number }> {
  return (await receiver.request('received', undefined))[sender.id] ?? { count: 0, distinct: 0, disorder: 0 }
}

async function receivedAll(receiver: NodeProcess, sender: NodeProcess, count: number): Promise<void> {
  await until(async () => (await ofSender(receiver, sender)).count >= count, {
    ms: 30_000,
    what: `not ${count} messages`
  })
}

async function stored(node: NodeProcess, count: number): Promise<void> {
  await until(async () => (await node.request('keys', '/penin/messages/out')).length === count, {
    ms: 10_000,
    what: `not ${count} messages are stored`
  })
}

async function heard(hosts: readonly NodeProcess[]): Promise<Heard[]> {
  return (await Promise.all(hosts.map(async (host) => host.request('heard', 'news')))).flat()
}

async function statsOf(hosts: readonly NodeProcess[]): Promise<Awaited<ReturnType<typeof statsOfOne>>> {
  return (await Promise.all(hosts.map(statsOfOne))).flat()
}

async function statsOfOne(host: NodeProcess) {
  return host.request('statsOfAll', undefined)
}

/** Every node has peers from which it gets messages of the topic, and the network is one. */
async function meshed(hosts: readonly NodeProcess[]): Promise<void> {
  await until(
    async () =>
      (await statsOf(hosts)).every(({ messages }) => (messages.broadcast.subscriptions['news']?.mesh ?? 0) >= 4),
    { ms: 60_000, what: 'no mesh' }
  )
}
