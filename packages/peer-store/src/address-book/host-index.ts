import type { Entry } from './entry.js'

/** Which entries claim a public host. The book keeps at most four for each. */
export class HostIndex {
  readonly #hosts = new Map<string, Entry[]>()

  get size(): number {
    return this.#hosts.size
  }

  of(host: string): readonly Entry[] {
    return this.#hosts.get(host) ?? []
  }

  add(entry: Entry): void {
    for (const host of hostsOf(entry)) {
      const entries = this.#hosts.get(host)
      if (entries == null) {
        this.#hosts.set(host, [entry])
      } else {
        entries.push(entry)
      }
    }
  }

  delete(entry: Entry): void {
    for (const host of hostsOf(entry)) {
      const entries = this.#hosts.get(host)
      const at = entries?.indexOf(entry) ?? -1
      if (entries != null && at >= 0) {
        entries.splice(at, 1)
      }
      if (entries?.length === 0) {
        this.#hosts.delete(host)
      }
    }
  }
}

/** The public hosts among an entry's addresses, each once. */
export function hostsOf({ addresses }: Pick<Entry, 'addresses'>): string[] {
  const hosts: string[] = []
  for (const { host } of addresses) {
    if (host != null && !hosts.includes(host)) {
      hosts.push(host)
    }
  }
  return hosts
}
