import { UnsupportedRuntimeError } from './errors.js'

/** The oldest Node.js this project supports: libp2p 3 needs `Promise.withResolvers`, messages need zstd in node:zlib. */
export const MINIMUM_NODE = '22.15.0'

/**
 * Throws unless `version` is new enough.
 *
 * @param version what runs; `process.versions.node` unless told otherwise
 * @throws UnsupportedRuntimeError
 */
export function assertSupportedRuntime(version: string = process.versions.node): void {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [needMajor = 0, needMinor = 0] = MINIMUM_NODE.split('.').map(Number)
  if (major < needMajor || (major === needMajor && minor < needMinor)) {
    throw new UnsupportedRuntimeError(version, `>=${MINIMUM_NODE}`)
  }
}
