import { appended } from './appended.js'
import type { Entry } from './entry.js'

/** Which entries claim a public host. The book keeps at most four for each. */
export class HostIndex {
  /** Nearly every host has one entry, which needs no list. */
  readonly #hosts = new Map<string, Entry | Entry[]>()

  get size(): number {
    return this.#hosts.size
  }

  of(host: string): readonly Entry[] {
    const found = this.#hosts.get(host)
    return found == null ? NOBODY : Array.isArray(found) ? found : [found]
  }

  add(entry: Entry): void {
    for (const host of hostsOf(entry)) {
      const found = this.#hosts.get(host)
      this.#hosts.set(host, found == null ? entry : Array.isArray(found) ? [...found, entry] : [found, entry])
    }
  }

  delete(entry: Entry): void {
    for (const host of hostsOf(entry)) {
      const found = this.#hosts.get(host)
      const others = Array.isArray(found) ? found.filter((other) => other !== entry) : []
      if (others.length > 0) {
        this.#hosts.set(host, others)
      } else if (found === entry || Array.isArray(found)) {
        this.#hosts.delete(host)
      }
    }
  }
}

const NOBODY: readonly Entry[] = []

/** The public hosts among an entry's addresses, each once. */
export function hostsOf(entry: Pick<Entry, 'addresses' | 'packed'>): string[] {
  if (entry.packed != null) {
    return [entry.packed.host]
  }
  const { addresses } = entry
  if (addresses.length === 1) {
    const host = addresses[0]?.host
    return host == null ? [] : [host]
  }
  let hosts: string[] = []
  for (const { host } of addresses) {
    if (host != null && !hosts.includes(host)) {
      hosts = appended(hosts, host)
    }
  }
  return hosts
}
