#!/usr/bin/env node
import { assertSupportedRuntime } from '@penin/interface'

// Checked before anything else is loaded: an old Node.js would fail on it with an error that says nothing.
process.stdout.on('error', () => undefined) // a reader that has gone, as in `… | head`, is no crash
try {
  assertSupportedRuntime()
  const { main } = await import('./main.js')
  process.exitCode = await main(process.argv.slice(2), (code) => process.exit(code))
} catch (error) {
  process.stderr.write(`penin: ${(error as Error).message}\n`)
  process.exitCode = 1
}
