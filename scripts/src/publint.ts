import { relative } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { root, workspacePackages } from './workspace.js'

/** Checks the manifest of every public package against its build; anything but a suggestion is a failure. */
async function main(): Promise<void> {
  let bad = 0
  const packages = workspacePackages().filter(({ manifest }) => manifest.private !== true)
  for (const { dir } of packages) {
    const { messages, pkg } = await publint({ pkgDir: dir, pack: false })
    for (const message of messages) {
      if (message.type !== 'suggestion') bad++
      console.log(
        `${relative(root, dir)}: ${message.type}: ${formatMessage(message, pkg, { color: false }) ?? message.code}`
      )
    }
  }
  console.log(`publint: ${packages.length} packages, ${bad} problems`)
  process.exitCode = bad > 0 || packages.length === 0 ? 1 : 0
}

await main()
