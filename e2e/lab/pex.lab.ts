import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { multiaddr } from '@multiformats/multiaddr'
import { until, type NodeProcess } from '@penin/e2e'
import type { Lab, NetworkDescription } from '@penin/e2e/lab'
import { addressScope } from '@penin/interface'
import { expect, scenario } from './scenario.js'

const ASKER = fileURLToPath(new URL('fixtures/plain-asker.mjs', import.meta.url))

/** Peer exchange and nothing else. */
const discovery = { mdns: false, dht: false, pex: true }

const LAN = '192.168.7.'
const ULA = 'fd77::'
const PUBLIC = '45.45.45.'

/** A public segment, and a LAN some of whose hosts are on both: the addresses of a peer are of two scopes. */
const network: NetworkDescription = {
  switches: ['public', 'lan'],
  hosts: {
    boot: { ports: [publicPort(1)] },
    both1: { ports: [lanPort(11), publicPort(11)] },
    both2: { ports: [lanPort(12), publicPort(12)] },
    both3: { ports: [lanPort(13), publicPort(13)] },
    both4: { ports: [lanPort(14), publicPort(14)] },
    home: { ports: [lanPort(21)] },
    outside: { ports: [publicPort(99)] },
    inside: { ports: [lanPort(99)] }
  }
}

const LISTEN = ['/ip4/0.0.0.0/tcp/4001', '/ip6/::/tcp/4001']

/** All addresses of a host. */
function addressesOf(host: string): string[] {
  return (network.hosts[host]?.ports ?? []).flatMap(({ ipv4, ipv6 }) => [
    ...(ipv4 == null ? [] : [`/ip4/${bare(ipv4)}/tcp/4001`]),
    ...(ipv6 == null ? [] : [`/ip6/${bare(ipv6)}/tcp/4001`])
  ])
}

function bare(address: string): string {
  return address.split('/')[0] ?? ''
}

function publicPort(n: number): NetworkDescription['hosts'][string]['ports'][number] {
  return { switch: 'public', ipv4: `${PUBLIC}${n}/24`, noIpv6: true }
}

function lanPort(n: number): NetworkDescription['hosts'][string]['ports'][number] {
  return { switch: 'lan', ipv4: `${LAN}${n}/24`, ipv6: `${ULA}${n}/64` }
}

/** How the private addresses of this network, and those that every host has, begin as the bytes of a multiaddr. */
const PRIVATE_BYTES = [
  [0x04, 192, 168, 7],
  [0x04, 127, 0, 0, 1],
  [0x29, 0xfd, 0x77, 0, 0, 0, 0, 0, 0],
  [0x29, 0xfe, 0x80, 0, 0, 0, 0, 0, 0],
  [0x29, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
].map((bytes) => Buffer.from(bytes))

/** The same as text, in case somebody writes them into a record in another way. */
const PRIVATE_TEXT = [LAN, '127.0.0.1', ULA, 'fe80:'].map((text) => Buffer.from(text))

/** What a program of another make has got. */
interface Received {
  /** All that came on the stream. */
  bytes: Buffer
  /** The addresses in each record. */
  records: string[][]
}

/** What a program of another make on `host` is told by the node at `address`. */
async function ask(lab: Lab, host: string, address: string): Promise<Received> {
  const { program, lines } = lab.run([process.execPath, ASKER, 'ask', address], host)
  if (program.exitCode == null) {
    await once(program, 'close')
  }
  const bytes = printed(lines, 'answer')
  expect(bytes, lines.join('\n')).toBeDefined()
  return { bytes: bytes ?? Buffer.alloc(0), records: recordsIn(bytes ?? Buffer.alloc(0), 3) }
}

/** A program of another make that waits on `host` to be asked: where it is, and what it was asked first. */
async function askMe(
  lab: Lab,
  host: string,
  ip: string
): Promise<{ address: string; question: () => Received | undefined }> {
  const { lines } = lab.run([process.execPath, ASKER, 'listen', `/ip4/${ip}/tcp/4999`], host)
  const address = await until(() => /^listening (\S+)$/m.exec(lines.join('\n'))?.[1], {
    ms: 20_000,
    what: () => `no listener: ${lines.join(' | ')}`
  })
  const question = (): Received | undefined => {
    const bytes = printed(lines, 'question')
    return bytes == null ? undefined : { bytes, records: recordsIn(bytes, 1) }
  }
  return { address, question }
}

function printed(lines: readonly string[], what: string): Buffer | undefined {
  const line = lines.find((text) => text.startsWith(`${what} `))
  return line == null ? undefined : Buffer.from(line.slice(what.length + 1), 'hex')
}

/** Protobuf, read by hand: the contents of every length-delimited field of a number. */
function fields(bytes: Buffer, wanted: number): Buffer[] {
  const found: Buffer[] = []
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++] ?? 0
      value += (byte & 127) * factor
      if (byte < 128) {
        return value
      }
    }
  }
  while (at < bytes.length) {
    const key = varint()
    const value = varint()
    if ((key & 7) === 2) {
      if (key >> 3 === wanted) {
        found.push(bytes.subarray(at, at + value))
      }
      at += value
    }
  }
  return found
}

/** The addresses of each record in a framed message: envelope, payload, addresses, multiaddr (RFC 0002 and 0003). */
function recordsIn(framed: Buffer, field: number): string[][] {
  const message = framed.subarray(framed.findIndex((byte) => byte < 128) + 1)
  return fields(message, field).map((envelope) =>
    fields(envelope, 3)
      .flatMap((payload) => fields(payload, 3))
      .flatMap((info) => fields(info, 1))
      .map((bytes) => multiaddr(new Uint8Array(bytes)).toString())
  )
}

const isPrivate = (address: string): boolean => addressScope(multiaddr(address)) !== 'public'

function expectNothingPrivate({ bytes, records }: Received): void {
  expect(records.flat().filter(isPrivate)).toEqual([])
  for (const secret of [...PRIVATE_BYTES, ...PRIVATE_TEXT]) {
    expect(bytes.indexOf(secret), `${secret.toString('hex')} in ${bytes.toString('hex')}`).toBe(-1)
  }
}

scenario(
  'peer exchange never carries a private address to a peer of another scope, seen on the wire; on a LAN it does',
  network,
  async (lab) => {
    const start = async (host: string, ...bootstrap: string[]): Promise<NodeProcess> => {
      return lab.startOn(host, { discovery, bootstrap, listen: LISTEN })
    }
    const boot = await start('boot')
    const publicBoot = boot.addressWith(PUBLIC)
    const both1 = await start('both1', publicBoot)
    // both2 meets both1 in the LAN and so tells it of both kinds of addresses; both3 meets everybody in public
    const atHome = both1.addressWith(LAN)
    const both2 = await start('both2', publicBoot, atHome)
    const both3 = await start('both3', publicBoot, both1.addressWith(PUBLIC))
    const home = await start('home', atHome)
    await lab.formed({ ms: 30_000, nodes: [boot, both1, both2, both3, home] })

    // in public: from the bootstrap node, which has heard all the others in public, and from hosts that know more
    const told = await until(
      async () => {
        const answer = await ask(lab, 'outside', publicBoot)
        expectNothingPrivate(answer)
        return answer.records.length > 0 ? answer : undefined
      },
      { ms: 60_000, interval: 1_000, what: 'the bootstrap node tells nobody in public of anybody' }
    )
    expect(told.records.every((addresses) => addresses.length > 0)).toBe(true)

    // in the LAN: of the host that has no other addresses than private ones
    const inLan = await until(
      async () => {
        const answer = await ask(lab, 'inside', both1.addressWith(LAN))
        return answer.records.flat().includes(`/ip4/${LAN}21/tcp/4001`) ? answer : undefined
      },
      { ms: 60_000, interval: 1_000, what: 'both1 tells nobody in its LAN of private addresses' }
    )
    expect(inLan.records.flat().some(isPrivate)).toBe(true)
    expect(PRIVATE_BYTES.some((bytes) => inLan.bytes.includes(bytes))).toBe(true) // what is looked for would be found

    // the same hosts that have just told of private addresses, asked from outside at once
    for (const node of [both1, both2, both3]) {
      await until(
        async () => {
          const found = await ask(lab, 'outside', node.addressWith(PUBLIC))
          expectNothingPrivate(found)
          return found.records.length > 0
        },
        { ms: 60_000, interval: 1_000, what: `${node.name} tells nobody in public of anybody` }
      )
    }

    // what a node says of itself when it asks: to each of the two another half
    const [outside, inside] = [await askMe(lab, 'outside', `${PUBLIC}99`), await askMe(lab, 'inside', `${LAN}99`)]
    await start('both4', outside.address, inside.address)
    const asked = { ms: 60_000, what: 'both4 does not ask' }
    const [inPublic, atHomeAgain] = [await until(outside.question, asked), await until(inside.question, asked)]
    expectNothingPrivate(inPublic)
    expect(inPublic.records).toEqual([[`/ip4/${PUBLIC}14/tcp/4001`]])
    expect(new Set(atHomeAgain.records.flat())).toEqual(new Set(addressesOf('both4')))
    expect(lab.unhandled).toEqual([])
  }
)
