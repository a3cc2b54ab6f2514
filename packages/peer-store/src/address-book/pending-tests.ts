import { MAX_PENDING_TESTS, TEST_WINDOW } from './parameters.js'

/** A tried peer whose place another one wants: it should be dialled, and keeps its place if it answers. */
export interface PendingTest {
  /** Dial this peer and report {@link AddressBook.good} or {@link AddressBook.failed}. */
  incumbent: string
  /** Who takes the place if the incumbent does not answer. */
  challenger: string
  /** When the two collided. */
  since: number
}

/** Tests to be made, at most one for an incumbent and {@link MAX_PENDING_TESTS} in all. */
export class PendingTests {
  readonly #tests = new Map<string, PendingTest>()

  /** Those that are not yet out of date, oldest first. */
  list(now: number): PendingTest[] {
    for (const [incumbent, { since }] of this.#tests) {
      // An untested incumbent stays: whoever can keep us from testing must gain nothing by it.
      if (now - since > TEST_WINDOW || since > now) {
        this.#tests.delete(incumbent)
      }
    }
    return [...this.#tests.values()]
  }

  /** Queues a test; false when one is queued for the incumbent or there are too many. */
  add(test: PendingTest): boolean {
    const { length } = this.list(test.since)
    if (length >= MAX_PENDING_TESTS || this.#tests.has(test.incumbent)) {
      return false
    }
    this.#tests.set(test.incumbent, test)
    return true
  }

  /** Takes out the test of an incumbent. */
  take(incumbent: string, now: number): PendingTest | undefined {
    const test = this.#tests.get(incumbent)
    this.#tests.delete(incumbent)
    return test == null || now - test.since > TEST_WINDOW || test.since > now ? undefined : test
  }

  /** Drops every test that a peer has a part in. */
  drop(id: string): void {
    for (const [incumbent, { challenger }] of this.#tests) {
      if (incumbent === id || challenger === id) {
        this.#tests.delete(incumbent)
      }
    }
  }
}
