import { seededRng } from '@penin/testing'
import { describe, expect, it } from 'vitest'
import { parseArguments } from '../src/simulation/arguments.js'
import { BEGIN, END, withEclipseTable } from '../src/simulation/eclipse/document.js'
import { ALL, ATTACKERS, NONE, WORLD } from '../src/simulation/eclipse/scenario.js'
import { attackCell, plainCell, type EclipseCell, type EclipseSize } from '../src/simulation/eclipse/table.js'
import { measureOverlay } from '../src/simulation/graph.js'
import { baselines, formatOverlay, simulateOverlay } from '../src/simulation/overlay/overlay.js'
import { PUBLISHED, TOLERANCE } from '../src/simulation/overlay/published.js'
import type { Attacker, Defences } from '../src/simulation/eclipse/scenario.js'

describe('figures of an overlay', () => {
  it('are those of a ring where they are known by heart', () => {
    const ring = Array.from({ length: 101 }, (_, i) => [(i + 1) % 101])
    const { inDegree, clustering, path, largest } = measureOverlay(ring, seededRng(1))
    expect(inDegree).toEqual({ mean: 1, sd: 0, min: 1, max: 1 })
    expect(clustering).toBe(0)
    expect(path).toBeCloseTo((2 * (50 * 51)) / 2 / 100, 6)
    expect(largest[0]?.mean).toBeLessThan(0.3)
  })

  it('are those of a network in which everybody knows everybody', () => {
    const all = Array.from({ length: 20 }, (_, i) => Array.from({ length: 20 }, (_, j) => j).filter((j) => j !== i))
    const { clustering, path, largest } = measureOverlay(all, seededRng(1))
    expect([clustering, path]).toEqual([1, 1])
    expect(largest.every(({ worst }) => worst === 1)).toBe(true)
  })
})

describe('random graphs and Cyclon with 5,000 nodes', () => {
  const rows = baselines(5000, 7)

  it.each(PUBLISHED.map((published, i) => ({ published, i, links: published.view, swap: published.swap ?? 'none' })))(
    'have the figures of the reference within the tolerances: $links links, swap $swap',
    ({ published, i }) => {
      const figures = rows[i]?.figures
      expect(figures?.inDegree.mean).toBeCloseTo(published.view, 1)
      expect(Math.abs((figures?.inDegree.sd ?? 0) / published.inDegree.sd - 1)).toBeLessThan(TOLERANCE.sd)
      expect(Math.abs((figures?.clustering ?? 0) / published.clustering - 1)).toBeLessThan(TOLERANCE.clustering)
      expect(Math.abs((figures?.path ?? 0) / published.path - 1)).toBeLessThan(TOLERANCE.path)
      for (const [j, expected] of published.largest.entries()) {
        const difference = Math.abs((figures?.largest[j]?.mean ?? 0) - expected)
        expect(difference).toBeLessThanOrEqual(TOLERANCE.largest[j] ?? 0)
      }
    }
  )
})

describe('our network of 600 nodes', () => {
  const size = { nodes: 600, outbound: 8, maxInbound: 24, bookSize: 1000, joining: 10, rounds: 20, session: 60 }
  const report = simulateOverlay(size, 7)
  const figures = report.rows.at(-1)?.figures

  it('is one component, with ways as short as in a random graph, though its nodes knew only three others', () => {
    expect(figures?.inDegree.mean).toBeGreaterThan(7)
    expect(figures?.inDegree.max).toBeLessThanOrEqual(24)
    expect(figures?.largest[0]?.worst).toBeGreaterThan(0.95)
    expect(report.targets.find(({ what }) => what.startsWith('path'))?.value).toBeLessThan(0.1)
  })

  it('is the same with the same seed', () => {
    const small = { ...size, nodes: 60 }
    expect(simulateOverlay(small, 3).rows.at(-1)).toEqual(simulateOverlay(small, 3).rows.at(-1))
    expect(simulateOverlay(small, 4).rows.at(-1)).not.toEqual(simulateOverlay(small, 3).rows.at(-1))
  })

  it('is printed beside the others', () => {
    const text = formatOverlay(report)
    expect(text).toMatch(/^600 nodes, seed 7 /)
    expect(text.match(/reference/g)).toHaveLength(4)
    expect(text).toContain('PENIN, 8 outbound')
  })
})

describe('eclipse', () => {
  const size: EclipseSize = { plainBooks: 12, plainRestarts: 400, lives: 2, restarts: 150 }
  const cell = (attacker: Attacker | undefined, defences: Defences): EclipseCell =>
    attackCell(attacker as Attacker, defences, size, 11)
  const [few, brief, many] = ATTACKERS

  it.each([0.5, 0.8, 0.917, 0.9869])('of plain selection by a share of %d has the probability q^8', (share) => {
    const { eclipsed } = plainCell(share, size, 7)
    // 1.5 times the interval: four are drawn, and one of them may be unlucky.
    expect(Math.abs(eclipsed.mean - share ** WORLD.outbound)).toBeLessThan(1.5 * eclipsed.error)
  })

  it('without a defence has nearly the eighth power of the share of picks', () => {
    const { share, eclipsed } = cell(few, NONE)
    expect(share.mean).toBeGreaterThan(0.85)
    expect(Math.abs(eclipsed.mean - share.mean ** WORLD.outbound)).toBeLessThan(0.1)
  })

  it('is hardly possible from 32 groups, or within a day, against all defences', () => {
    expect(cell(few, ALL).eclipsed.mean).toBeLessThan(0.02)
    expect(cell(brief, ALL).eclipsed.mean).toBeLessThan(0.02)
  })

  it('is rarer with a test before a tried peer loses its place', () => {
    const without = cell(few, { ...ALL, testBeforeEvict: false })
    const all = cell(few, ALL)
    expect(all.share.mean).toBeLessThan(without.share.mean - 0.2)
    expect(all.eclipsed.mean).toBeLessThanOrEqual(without.eclipsed.mean)
  })

  it('is rarer when those who dial in do not count as tried', () => {
    const without = { ...ALL, outboundOnly: false, anchors: false }
    expect(cell(few, { ...ALL, anchors: false }).share.mean).toBeLessThan(cell(few, without).share.mean - 0.05)
  })

  it('is rarer with one outbound connection for each group, when there are few groups', () => {
    const without = { ...NONE, outboundOnly: true, feelers: true }
    const alone = cell(few, without).eclipsed.mean
    expect(cell(few, { ...without, onePerGroup: true }).eclipsed.mean).toBeLessThan(0.8 * alone)
  })

  it('is rarer with anchors, when the attack is brief', () => {
    // Without the test an anchor may have lost its place in the book, and is an anchor no more.
    const without = { ...NONE, testBeforeEvict: true }
    expect(cell(brief, { ...without, anchors: true }).eclipsed.mean).toBeLessThan(
      cell(brief, without).eclipsed.mean / 2
    )
  })

  it('needs no more than some hundreds of feelers to be likelier: whoever answers becomes tried', () => {
    expect(cell(many, ALL).share.mean).toBeGreaterThan(cell(many, { ...ALL, feelers: false }).share.mean)
  })
})

describe('the command line of simulations', () => {
  it('knows two simulations', () => {
    expect(parseArguments(['overlay'])).toEqual({ action: 'overlay', seed: 7, json: false })
    expect(parseArguments(['--', 'eclipse', '--write'])).toEqual({
      action: 'eclipse',
      seed: 7,
      json: false,
      document: 'write'
    })
    expect(parseArguments(['--help'])).toEqual({ action: 'help' })
  })

  it.each([[[]], [['weather']], [['overlay', 'eclipse']], [['overlay', '--seed', '-1']], [['overlay', '--seed=x']]])(
    'refuses %j',
    (args) => {
      expect(parseArguments(args).action).toBe('reject')
    }
  )

  it.each([[['overlay', '--write']], [['eclipse', '--write', '--check']], [['eclipse', '--write', '--seed', '1']]])(
    'does not write %j into a document',
    (args) => {
      expect(parseArguments(args).action).toBe('reject')
    }
  )

  it('puts the table between its marks and nowhere else', () => {
    const once = withEclipseTable(`a\n${BEGIN}\nold\n${END}\nb`, '| new |')
    expect(once).toMatch(/^a\n/)
    expect(once).toMatch(/\nb$/)
    expect(once).not.toContain('old')
    expect(withEclipseTable(once ?? '', '| new |')).toBe(once)
    expect(withEclipseTable('a', 'b')).toBeUndefined()
    expect(withEclipseTable(`${END}${BEGIN}`, 'b')).toBeUndefined()
  })
})
