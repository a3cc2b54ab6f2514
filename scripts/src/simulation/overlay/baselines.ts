import { randomInt, type Rng } from '@penin/interface'
import type { Links } from '../graph.js'

/** Each node has links to `degree` others, all different, chosen evenly. */
export function randomGraph(nodes: number, degree: number, rng: Rng): Links {
  return Array.from({ length: nodes }, (_, node) => {
    const targets = new Set<number>()
    while (targets.size < Math.min(degree, nodes - 1)) {
      const target = randomInt(rng, nodes)
      if (target !== node) {
        targets.add(target)
      }
    }
    return Int32Array.from(targets)
  })
}

/** A shuffle: `view` neighbours a node, `swap` of them exchanged at a time, each node begins once in a cycle. */
export interface CyclonOptions {
  nodes: number
  view: number
  swap: number
  cycles: number
}

/** A neighbour, and for how many cycles it has been handed around. */
interface Neighbour {
  node: number
  age: number
}

/**
 * The enhanced shuffle of Cyclon (Voulgaris, Gavidia, van Steen 2005), from a random graph on. A node takes its oldest
 * neighbour, gives it itself and some others, and gets as many back; what was given away makes room for what comes.
 */
export function cyclon({ nodes, view, swap, cycles }: CyclonOptions, rng: Rng): Links {
  const views = randomGraph(nodes, view, rng).map((targets) =>
    Array.from(targets, (node): Neighbour => ({ node, age: 0 }))
  )
  for (let cycle = 0; cycle < cycles; cycle++) {
    for (let node = 0; node < nodes; node++) {
      shuffleWithOldest(views, node, view, swap, rng)
    }
  }
  return views.map((neighbours) => Int32Array.from(neighbours, ({ node }) => node))
}

function shuffleWithOldest(views: readonly Neighbour[][], node: number, view: number, swap: number, rng: Rng): void {
  const own = views[node] as Neighbour[]
  let oldest = 0
  for (const [i, neighbour] of own.entries()) {
    neighbour.age++
    oldest = neighbour.age > (own[oldest] as Neighbour).age ? i : oldest
  }
  const partner = (own[oldest] as Neighbour).node
  own.splice(oldest, 1)
  const given = pick(own, swap - 1, rng)
  const theirs = views[partner] as Neighbour[]
  const got = pick(theirs, swap, rng)
  // The partner's own place is free now: whoever comes first takes it.
  take(own, node, got, given, view)
  take(theirs, partner, [{ node, age: 0 }, ...given], got, view)
}

/** Different neighbours by chance. */
function pick(from: readonly Neighbour[], count: number, rng: Rng): Neighbour[] {
  const rest = [...from]
  const picked: Neighbour[] = []
  while (picked.length < count && rest.length > 0) {
    const at = randomInt(rng, rest.length)
    picked.push(rest[at] as Neighbour)
    rest[at] = rest.at(-1) as Neighbour
    rest.pop()
  }
  return picked
}

/** Takes in those that are news: in free places first, then in place of those that were given away. */
function take(
  own: Neighbour[],
  self: number,
  got: readonly Neighbour[],
  given: readonly Neighbour[],
  size: number
): void {
  const known = new Set(own.map(({ node }) => node))
  const spare = [...given]
  for (const { node, age } of got) {
    if (node === self || known.has(node)) {
      continue
    }
    if (own.length >= size) {
      const gone = spare.pop()
      const at = gone == null ? -1 : own.indexOf(gone)
      if (at < 0) {
        continue
      }
      own.splice(at, 1)
    }
    own.push({ node, age })
    known.add(node)
  }
}
