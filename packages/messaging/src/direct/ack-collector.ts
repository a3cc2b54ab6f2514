import { emptyAnswer, MAX_PAIRS, type Answer } from './wire/answer-frame.js'
import { REFUSED, TAKEN } from './lane.js'

/** Gathers acknowledgements until the next write; ids in a row take one range. */
export class AckCollector {
  #answer: Answer = emptyAnswer()
  #size = 0

  get isEmpty(): boolean {
    return this.#size === 0
  }

  /** Whether it fills a frame. */
  get isFull(): boolean {
    return this.#size >= MAX_PAIRS
  }

  add(id: number, state: number, isDurable: boolean): void {
    const answer = this.#answer
    if (state === TAKEN) {
      const ranges = isDurable ? answer.durableTaken : answer.taken
      const last = ranges[ranges.length - 1]
      if (last !== undefined && last[0] + last[1] === id) {
        last[1]++
        return
      }
      ranges.push([id, 1])
    } else {
      ;(isDurable ? answer.durableRefused : answer.refused).push([id, state - REFUSED])
    }
    this.#size++
  }

  take(): Answer {
    const answer = this.#answer
    this.#answer = emptyAnswer()
    this.#size = 0
    return answer
  }
}
