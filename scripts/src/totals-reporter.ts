import type { Reporter, TestModule, TestRunEndReason, TestSuite, Vitest } from 'vitest/node'

/** What a whole test run came to. */
export interface Totals {
  passed: number
  failed: number
  skipped: number
}

/** How a run went: `12 passed, 0 failed` alone on a line, and `3 skipped` on one before it if there were any. */
export function totalsLine({ passed, failed, skipped }: Totals): string {
  return `${skipped > 0 ? `${skipped} skipped\n` : ''}${passed} passed, ${failed} failed`
}

/**
 * Counts the tests of `modules`.
 *
 * What failed outside of a test counts as one failure each: a file that could not be imported, a hook of a suite, an
 * unhandled error. A run that vitest calls failed or interrupted never has 0 failures.
 */
export function countTotals(modules: readonly TestModule[], unhandled: number, reason: TestRunEndReason): Totals {
  const totals: Totals = { passed: 0, failed: unhandled, skipped: 0 }
  for (const module of modules) {
    for (const test of module.children.allTests()) {
      const { state } = test.result()
      if (state !== 'pending') totals[state]++
    }
    totals.failed += brokenSuites(module)
  }
  if (reason !== 'passed' && totals.failed === 0 && modules.length > 0) totals.failed = 1
  return totals
}

function brokenSuites(module: TestModule): number {
  const suites: Array<TestModule | TestSuite> = [module, ...module.children.allSuites()]
  return suites.filter((suite) => suite.errors().length > 0).length
}

/**
 * A vitest reporter that ends the output of a run with {@link totalsLine}, over all projects.
 *
 * The line is written while the process exits, so that nothing (coverage table, hints) can follow it. A run without a
 * single test that passed or failed exits with 1: an empty run proves nothing.
 */
export default class TotalsReporter implements Reporter {
  #totals: Totals = { passed: 0, failed: 0, skipped: 0 }
  #watching = false

  onInit(vitest: Vitest): void {
    this.#watching = vitest.config.watch
    if (!this.#watching) process.once('exit', (code) => this.#finish(code))
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[], reason: TestRunEndReason): void {
    this.#totals = countTotals(modules, unhandled.length, reason)
    if (this.#watching) process.stdout.write(`${totalsLine(this.#totals)}\n`)
  }

  #finish(code: number): void {
    const totals = this.#totals
    const ran = totals.passed + totals.failed
    // For example a missed coverage threshold: the run is not good, so the line must not look as if it were.
    if (code !== 0 && ran > 0 && totals.failed === 0) totals.failed = 1
    if (ran === 0 || totals.failed > 0) process.exitCode = code === 0 ? 1 : code
    process.stdout.write(`\n${totalsLine(totals)}\n`)
  }
}
