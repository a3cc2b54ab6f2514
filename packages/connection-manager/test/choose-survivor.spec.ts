import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chooseSurvivor, type Link } from '../src/index.js'

/** A connection as nobody sees it: who dialled, and when it was open at each end by true time. */
interface Wire {
  dialler: 'small' | 'big'
  openedAtSmall: number
  openedAtBig: number
}

/** The same connections as one end sees them. */
function view(wires: Wire[], own: 'small' | 'big', skew: number): Link[] {
  return wires.map(({ dialler, openedAtSmall, openedAtBig }) => ({
    direction: dialler === own ? 'outbound' : 'inbound',
    opened: (own === 'small' ? openedAtSmall : openedAtBig) + skew
  }))
}

const skew = fc.integer({ min: -3_600_000, max: 3_600_000 })
const dialler = fc.constantFrom('small' as const, 'big' as const)
const wires = fc
  .uniqueArray(fc.nat(100_000), { minLength: 1, maxLength: 8 })
  .chain((times) =>
    fc.tuple(...times.map((at) => dialler.map((who) => ({ dialler: who, openedAtSmall: at, openedAtBig: at }))))
  )

describe('chooseSurvivor', () => {
  it('gives both ends the same connection, however wrong their clocks and in whatever order they list', () => {
    fc.assert(
      fc.property(wires, skew, skew, fc.func(fc.nat()), (all, skewSmall, skewBig, order) => {
        const shuffled = all.toSorted((a, b) => order(a.openedAtSmall) - order(b.openedAtSmall))
        const bySmall = all[chooseSurvivor(view(all, 'small', skewSmall), true)]
        const byBig = shuffled[chooseSurvivor(view(shuffled, 'big', skewBig), false)]
        expect(byBig).toBe(bySmall)
        if (all.some((wire) => wire.dialler === 'small')) {
          expect(bySmall?.dialler).toBe('small')
        }
      })
    )
  })

  it('leaves exactly one if the ends saw connections of one dialler open in different order, as only diallers close', () => {
    const wire = fc.record({ dialler, openedAtSmall: fc.nat(50), openedAtBig: fc.nat(50) })
    fc.assert(
      fc.property(fc.array(wire, { minLength: 1, maxLength: 8 }), (all) => {
        const small = chooseSurvivor(view(all, 'small', 0), true)
        const big = chooseSurvivor(view(all, 'big', 0), false)
        const left = all.filter((wire, index) => index === (wire.dialler === 'small' ? small : big))
        expect(left).toHaveLength(1)
      })
    )
  })
})
