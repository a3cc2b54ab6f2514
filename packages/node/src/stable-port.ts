import { createServer } from 'node:net'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import type { Datastore } from 'interface-datastore'
import { Key } from 'interface-datastore'

const KEY = new Key('/penin/listen-ports')

/** Ports by protocol family, as they were last time. */
type Ports = Partial<Record<'ip4' | 'ip6', number>>

/**
 * Puts the ports of the last run in the place of port 0, where they are still free.
 *
 * A node that came back elsewhere after each restart would make its own address in everybody's memory worthless, and a
 * network that restarts as a whole could not find itself again.
 */
export async function withStablePorts(listen: readonly string[], datastore: Datastore): Promise<string[]> {
  const ports = await load(datastore)
  return Promise.all(
    listen.map(async (text) => {
      const family = /^\/(ip4|ip6)\/([^/]+)\/tcp\/0$/.exec(text)
      const port = family == null ? undefined : ports[family[1] as keyof Ports]
      if (port == null || !(await isFree(family?.[2] ?? '', port))) {
        return text
      }
      return text.replace(/\/tcp\/0$/, `/tcp/${port}`)
    })
  )
}

/** Remembers the ports that the node listens on now. */
export async function rememberPorts(listening: readonly Multiaddr[], datastore: Datastore): Promise<void> {
  const ports: Ports = {}
  for (const address of listening) {
    const [host, transport] = multiaddr(address.toString()).getComponents()
    if ((host?.name === 'ip4' || host?.name === 'ip6') && transport?.name === 'tcp' && transport.value != null) {
      ports[host.name] ??= Number(transport.value)
    }
  }
  await datastore.put(KEY, new TextEncoder().encode(JSON.stringify(ports)))
}

async function load(datastore: Datastore): Promise<Ports> {
  try {
    const ports = JSON.parse(new TextDecoder().decode(await datastore.get(KEY))) as Ports
    const usable = Object.entries(ports).filter(([, port]) => Number.isInteger(port) && port > 0 && port < 65_536)
    return Object.fromEntries(usable)
  } catch {
    return {} // never stored, or unreadable: any port will do
  }
}

async function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => {
      resolve(false)
    })
    probe.listen({ host, port, ipv6Only: host.includes(':') }, () => {
      probe.close(() => {
        resolve(true)
      })
    })
  })
}
