import { Lab, whyNoLab, type NetworkDescription } from '@penin/e2e/lab'
import { it } from 'vitest'

export { expect } from 'vitest'

const reason = await whyNoLab()
if (reason != null) {
  process.stderr.write(`skipped: ${reason}\n`)
}

/** A test on a network of its own. Where no lab can be had it is reported as skipped, with the reason. */
export function scenario(name: string, network: NetworkDescription, body: (lab: Lab) => Promise<void>): void {
  it.skipIf(reason != null)(name, async () => {
    await using lab = await Lab.open(network, { name: name.replaceAll(/[^a-z0-9]+/gi, '-').slice(0, 80) })
    try {
      await body(lab)
    } catch (error) {
      lab.failed()
      throw error
    }
  })
}
