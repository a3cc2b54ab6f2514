import { Lab, whyNoLab, type NetworkDescription } from '@penin/e2e/lab'
import { it } from 'vitest'

export { expect } from 'vitest'

const reason = await whyNoLab()
if (reason != null) {
  process.stderr.write(`skipped: ${reason}\n`)
}

/** `PENIN_LAB=all` runs the slow scenarios as well. */
const all = process.env['PENIN_LAB'] === 'all'

type Body = (lab: Lab) => Promise<void>

/** A test on a network of its own. Where no lab can be had it is reported as skipped, with the reason. */
export function scenario(name: string, network: NetworkDescription, body: Body): void {
  it.skipIf(reason != null)(name, async () => run(name, network, body))
}

/** A scenario of a minute or more: it runs with `PENIN_LAB=all`, as in continuous integration. */
export function slowScenario(name: string, network: NetworkDescription, body: Body): void {
  it.skipIf(reason != null || !all)(name, { timeout: 600_000 }, async () => run(name, network, body))
}

async function run(name: string, network: NetworkDescription, body: Body): Promise<void> {
  const fileName = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 80)
  await using lab = await Lab.open(network, { name: fileName })
  try {
    await body(lab)
  } catch (error) {
    lab.failed()
    throw error
  }
}
