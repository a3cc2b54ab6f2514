import { isIP, isIPv4 } from 'node:net'
import { ConfigError, type ConfigSource } from '@penin/node'

/** Where an admin endpoint listens; port 0 picks a free one. */
export interface AdminAddress {
  host: string
  port: number
}

/**
 * Reads `HOST:PORT`, `[IPv6]:PORT` or `off`.
 *
 * @returns nothing for `off`
 * @throws ConfigError
 */
export function parseAdminAddress(
  text: string,
  name = '--admin',
  source: ConfigSource = 'command line'
): AdminAddress | undefined {
  if (text === 'off') {
    return undefined
  }
  const [, bracketed, plain, port = ''] = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain
  if (host == null || Number(port) > 65_535 || (bracketed != null && isIP(bracketed) !== 6)) {
    throw new ConfigError(name, text, 'HOST:PORT such as 127.0.0.1:9090, or off', source)
  }
  return { host: host.toLowerCase() === 'localhost' ? '127.0.0.1' : host, port: Number(port) }
}

/** True if only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}

/** The URL under which this machine reaches an endpoint that listens there. */
export function adminUrl({ host, port }: AdminAddress): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}
