import { readFileSync } from 'node:fs'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

/** This package's version. */
export const VERSION = version

/** What the node says it runs, in identify and hello. */
export const AGENT_VERSION = `penin/${VERSION} node/${process.versions.node}`
