import { describe, expect, it } from 'vitest'
import { median, spread } from '../src/bench/statistics.js'

describe('statistics of a bench', () => {
  it('takes the middle value, whatever the order and the outliers', () => {
    expect(median([900, 1, 3])).toBe(3)
  })

  it('takes the mean of the two middle values of an even number', () => {
    expect(median([4, 1, 900, 2])).toBe(3)
  })

  it('has no median of nothing', () => {
    expect(median([])).toBeNaN()
  })

  it('says how far a usual round is off, whatever the outliers', () => {
    expect(spread([10, 11, 9, 10, 500])).toEqual({ min: 9, max: 500, mad: 1 })
  })

  it('leaves the values as they were', () => {
    const values = [3, 1, 2]
    median(values)
    expect(values).toEqual([3, 1, 2])
  })
})
