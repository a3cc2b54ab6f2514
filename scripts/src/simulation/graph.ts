import { randomInt, shuffled, type Rng } from '@penin/interface'
import { meanOf, deviationOf } from './statistics.js'

/** Whom each node has a link to; nodes are numbers from 0 on. */
export type Links = ReadonlyArray<ArrayLike<number>>

/** What is measured of an overlay. Links count in both directions, but for the in-degree. */
export interface OverlayFigures {
  inDegree: { mean: number; sd: number; min: number; max: number }
  /** The mean over all nodes of the share of their pairs of neighbours that are neighbours themselves. */
  clustering: number
  /** The mean number of links on the shortest way between two nodes that are connected. */
  path: number
  /** For each of {@link REMOVED} the share of those left that is one component, and what it was at worst. */
  largest: ReadonlyArray<{ removed: number; mean: number; worst: number }>
}

/** Shares of the nodes that are taken away. */
export const REMOVED: readonly number[] = [0.5, 0.7, 0.8, 0.9, 0.95]

/** How often each share is taken away, other nodes each time. One draw differs from the next by up to 0.1 at 90 %. */
const REMOVALS = 20

/** Nodes from which the ways to all others are measured: 128 of 5,000 give the mean to within 0.005. */
const PATH_SOURCES = 128

/** Neighbours in one array: those of node i stand from `start[i]` to before `start[i + 1]`. */
interface Adjacency {
  start: Int32Array
  neighbours: Int32Array
}

/** Measures everything; the randomness chooses where paths begin and who is taken away. */
export function measureOverlay(links: Links, rng: Rng): OverlayFigures {
  const adjacency = adjacencyOf(links)
  return {
    inDegree: inDegreeOf(links),
    clustering: clusteringOf(adjacency),
    path: pathOf(adjacency, rng),
    largest: REMOVED.map((removed) => {
      const shares = Array.from({ length: REMOVALS }, () => largestAfter(adjacency, removed, rng))
      return { removed, mean: meanOf(shares), worst: Math.min(...shares) }
    })
  }
}

function inDegreeOf(links: Links): OverlayFigures['inDegree'] {
  const degrees = new Array<number>(links.length).fill(0)
  for (const targets of links) {
    for (let i = 0; i < targets.length; i++) {
      const target = targets[i] as number
      degrees[target] = (degrees[target] ?? 0) + 1
    }
  }
  const sd = deviationOf(degrees)
  return { mean: meanOf(degrees), sd, min: Math.min(...degrees), max: Math.max(...degrees) }
}

function adjacencyOf(links: Links): Adjacency {
  const sets = links.map(() => new Set<number>())
  for (const [node, targets] of links.entries()) {
    for (let i = 0; i < targets.length; i++) {
      const target = targets[i] as number
      if (target !== node) {
        sets[node]?.add(target)
        sets[target]?.add(node)
      }
    }
  }
  const start = new Int32Array(links.length + 1)
  for (const [node, set] of sets.entries()) {
    start[node + 1] = (start[node] as number) + set.size
  }
  const neighbours = new Int32Array(start[links.length] as number)
  for (const [node, set] of sets.entries()) {
    neighbours.set([...set], start[node])
  }
  return { start, neighbours }
}

function clusteringOf({ start, neighbours }: Adjacency): number {
  const nodes = start.length - 1
  const mark = new Int32Array(nodes).fill(-1)
  let sum = 0
  for (let node = 0; node < nodes; node++) {
    const own = neighbours.subarray(start[node], start[node + 1])
    for (const neighbour of own) {
      mark[neighbour] = node
    }
    let closed = 0
    for (const neighbour of own) {
      for (let i = start[neighbour] as number; i < (start[neighbour + 1] as number); i++) {
        closed += mark[neighbours[i] as number] === node ? 1 : 0
      }
    }
    sum += own.length < 2 ? 0 : closed / (own.length * (own.length - 1))
  }
  return sum / nodes
}

function pathOf(adjacency: Adjacency, rng: Rng): number {
  const nodes = adjacency.start.length - 1
  const nobody = new Uint8Array(nodes)
  let ways = 0
  let total = 0
  for (let i = 0; i < PATH_SOURCES; i++) {
    const { reached, distance } = spread(adjacency, randomInt(rng, nodes), nobody, new Uint8Array(nodes))
    ways += reached - 1
    total += distance
  }
  return total / ways
}

function largestAfter(adjacency: Adjacency, removed: number, rng: Rng): number {
  const nodes = adjacency.start.length - 1
  const gone = new Uint8Array(nodes)
  const everybody = Array.from({ length: nodes }, (_, node) => node)
  const count = Math.round(removed * nodes)
  for (const node of shuffled(rng, everybody).slice(0, count)) {
    gone[node] = 1
  }
  const seen = new Uint8Array(nodes)
  let largest = 0
  for (const node of everybody) {
    if (gone[node] === 0 && seen[node] === 0) {
      largest = Math.max(largest, spread(adjacency, node, gone, seen).reached)
    }
  }
  return largest / (nodes - count)
}

/** Breadth first from one node: how many are reached, that one included, and the sum of the ways to them. */
function spread(
  { start, neighbours }: Adjacency,
  from: number,
  gone: Uint8Array,
  seen: Uint8Array
): { reached: number; distance: number } {
  const queue = [from]
  const levels = new Int32Array(seen.length)
  let distance = 0
  seen[from] = 1
  for (let at = 0; at < queue.length; at++) {
    const node = queue[at] as number
    const level = levels[node] as number
    distance += level
    for (let i = start[node] as number; i < (start[node + 1] as number); i++) {
      const neighbour = neighbours[i] as number
      if (seen[neighbour] === 0 && gone[neighbour] === 0) {
        seen[neighbour] = 1
        levels[neighbour] = level + 1
        queue.push(neighbour)
      }
    }
  }
  return { reached: queue.length, distance }
}
