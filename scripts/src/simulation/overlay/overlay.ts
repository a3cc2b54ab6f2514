import { seededRng } from '@penin/testing'
import { measureOverlay, REMOVED, type OverlayFigures } from '../graph.js'
import { formatTable } from '../text-table.js'
import { deviationOf } from '../statistics.js'
import { cyclon, randomGraph } from './baselines.js'
import { peninOverlay, type PeninOverlayOptions } from './penin-overlay.js'
import { PUBLISHED, targets, type PublishedOverlay } from './published.js'

/** Cycles after which Cyclon is measured. */
const CYCLES = 40

/** Nodes of all networks in the full simulation. */
export const NODES = 5000

/**
 * Our network in the full simulation. Places are those of profile `standard`. A real book has room for 20,480 peers; 5,000
 * of those would need 29 GB, so all but the bootstrap nodes' have room for 128.
 */
export const PENIN: Omit<PeninOverlayOptions, 'nodes'> = {
  outbound: 8,
  maxInbound: 24,
  bookSize: 128,
  joining: 20,
  rounds: 60,
  session: 60
}

/** A network and what was measured of it. */
export interface OverlayRow {
  name: string
  figures: OverlayFigures
  /** What is known of it from elsewhere. */
  published?: PublishedOverlay
}

/** All of it, as `--json` gives it. */
export interface OverlayReport {
  nodes: number
  seed: number
  rows: OverlayRow[]
  /** Entries in our nodes' books, and in how many books a node stands. */
  books: { mean: number; knownDeviation: number; knownMin: number; knownMax: number }
  targets: ReturnType<typeof targets>
}

/** The networks that are known from elsewhere. */
export function baselines(nodes: number, seed: number): OverlayRow[] {
  return PUBLISHED.map((published, i) => {
    const { view, swap } = published
    const rng = seededRng(seed + i)
    const links = swap == null ? randomGraph(nodes, view, rng) : cyclon({ nodes, view, swap, cycles: CYCLES }, rng)
    return { name: nameOf(published), figures: measureOverlay(links, rng), published }
  })
}

/** Everything side by side. */
export function simulateOverlay(
  options: PeninOverlayOptions,
  seed: number,
  onProgress: (what: string, done: number, of: number) => void = () => {}
): OverlayReport {
  onProgress('random graphs and Cyclon', 0, 1)
  const rows = baselines(options.nodes, seed)
  const rng = seededRng(seed)
  const { links, bookSize, known } = peninOverlay(options, rng, (done, of) => {
    onProgress('our network', done, of)
  })
  const figures = measureOverlay(links, rng)
  const random = measureOverlay(randomGraph(options.nodes, options.outbound, rng), rng)
  const spread = { knownDeviation: deviationOf(known), knownMin: Math.min(...known), knownMax: Math.max(...known) }
  return {
    nodes: options.nodes,
    seed,
    rows: [...rows, { name: `PENIN, ${options.outbound} outbound`, figures }],
    books: { mean: bookSize, ...spread },
    targets: targets(figures, random)
  }
}

/** For a terminal. */
export function formatOverlay({ nodes, seed, rows, books, targets }: OverlayReport): string {
  const removed = REMOVED.map((share) => `-${Math.round(share * 100)} %`)
  const lines = rows.flatMap(({ name, figures, published }) => [
    [
      name,
      ...cellsOf(
        figures,
        figures.largest.map(({ mean }) => mean)
      )
    ],
    ...(published == null ? [] : [['  reference', ...cellsOf(published, published.largest)]])
  ])
  const headings = [`${nodes} nodes, seed ${seed}`, 'in-degree sd', 'min–max', 'clustering', 'path', ...removed]
  const about = `books: ${books.mean.toFixed(0)} entries; a node stands in ${books.knownMin} to ${books.knownMax} of them, deviation ${books.knownDeviation.toFixed(0)}\n`
  const bars = targets.map(({ what, value, bar, met }) => [`${what} ${bar}`, value.toFixed(2), met ? 'met' : 'missed'])
  return `${formatTable([headings, ...lines])}\n${about}\n${formatTable([['PENIN, target', 'is', ''], ...bars])}`
}

function nameOf({ view, swap }: PublishedOverlay): string {
  return swap == null ? `random, ${view} links` : `Cyclon, view ${view}, swap ${swap}`
}

function cellsOf(
  { inDegree, clustering, path }: Pick<PublishedOverlay, 'inDegree' | 'clustering' | 'path'>,
  largest: readonly number[]
): string[] {
  return [
    inDegree.sd.toFixed(2),
    `${inDegree.min}–${inDegree.max}`,
    clustering.toFixed(4),
    path.toFixed(3),
    ...largest.map((share) => share.toFixed(3))
  ]
}
