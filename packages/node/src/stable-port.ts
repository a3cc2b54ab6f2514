import { createServer } from 'node:net'
import type { Datastore } from 'interface-datastore'
import { Key } from 'interface-datastore'

const KEY = new Key('/penin/listen-ports')

/** Ports as they were last time, by the entry of the listen list: `/ip4/0.0.0.0/tcp/0`, the second one `…#1`. */
type Ports = Record<string, number>

/**
 * Puts the ports of the last run in the place of port 0, where they are still free.
 *
 * A node that came back elsewhere after each restart would make its own address in everybody's memory worthless, and a
 * network that restarts as a whole could not find itself again.
 */
export async function withStablePorts(listen: readonly string[], datastore: Datastore): Promise<string[]> {
  const ports = await load(datastore)
  return Promise.all(
    withNames(listen).map(async ({ text, name, host }) => {
      const port = host == null ? undefined : ports[name]
      return host != null && port != null && (await isFree(host, port))
        ? text.replace(/\/tcp\/0$/, `/tcp/${port}`)
        : text
    })
  )
}

/**
 * Remembers the ports that the node listens on now.
 *
 * @param listen the configured list
 * @param listening what libp2p's listeners were given, in the same order, and the port that each has
 */
export async function rememberPorts(
  listen: readonly string[],
  portOf: (index: number) => number | undefined,
  datastore: Datastore
): Promise<void> {
  const ports: Ports = {}
  withNames(listen).forEach(({ name, host }, index) => {
    const port = portOf(index)
    if (host != null && port != null) {
      ports[name] = port
    }
  })
  await datastore.put(KEY, new TextEncoder().encode(JSON.stringify(ports)))
}

/** Entries that leave the port open have a host; equal ones are told apart by their number. */
function withNames(listen: readonly string[]): Array<{ text: string; name: string; host?: string }> {
  return listen.map((text, index) => {
    const earlier = listen.slice(0, index).filter((other) => other === text).length
    const host = /^\/ip[46]\/([^/]+)\/tcp\/0$/.exec(text)?.[1]
    return { text, name: earlier === 0 ? text : `${text}#${earlier}`, ...(host == null ? {} : { host }) }
  })
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
