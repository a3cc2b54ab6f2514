/** Who is connected to whom, by id. */
export type Links = ReadonlyMap<string, readonly string[]>

/** The connected components of an undirected graph, as sets of ids, largest first. Ids that are no key are left out. */
export function components(links: Links): Array<Set<string>> {
  const neighbours = new Map([...links.keys()].map((id) => [id, new Set<string>()]))
  for (const [id, peers] of links) {
    for (const peer of peers) {
      neighbours.get(id)?.add(peer)
      neighbours.get(peer)?.add(id)
    }
  }
  const seen = new Set<string>()
  const found: Array<Set<string>> = []
  for (const start of links.keys()) {
    if (seen.has(start)) {
      continue
    }
    const component = new Set<string>()
    const queue = [start]
    for (let id = queue.pop(); id != null; id = queue.pop()) {
      if (links.has(id) && !seen.has(id)) {
        seen.add(id)
        component.add(id)
        queue.push(...(neighbours.get(id) ?? []))
      }
    }
    found.push(component)
  }
  return found.sort((a, b) => b.size - a.size)
}
