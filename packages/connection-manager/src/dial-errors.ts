import { printable } from '@penin/interface'
import type { DialAttempt, DialStage } from './errors.js'

const STAGES: Record<string, DialStage> = {
  DialDeniedError: 'gate',
  ConnectionInterceptedError: 'gate',
  ConnectionDeniedError: 'gate',
  EncryptionFailedError: 'encrypt',
  UnexpectedPeerError: 'encrypt',
  InvalidCryptoExchangeError: 'encrypt',
  MuxerUnavailableError: 'multiplex',
  TimeoutError: 'timeout',
  AbortError: 'aborted',
  DNSQueryFailedError: 'dns'
}

const CODES: Record<string, DialStage> = {
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  ETIMEDOUT: 'timeout',
  ECONNREFUSED: 'connect',
  ECONNRESET: 'connect',
  EHOSTUNREACH: 'connect',
  ENETUNREACH: 'connect',
  EADDRNOTAVAIL: 'connect',
  EMFILE: 'connect'
}

/** Flattens whatever libp2p threw at a dial into one entry per cause. */
export function dialAttempts(error: unknown, address = '*'): DialAttempt[] {
  if (error instanceof AggregateError) {
    return error.errors.flatMap((cause) => dialAttempts(cause, address)).slice(0, 32)
  }
  const { name = 'Error', message = String(error), code } = (error ?? {}) as Partial<Error> & { code?: string }
  const stage = (code == null ? undefined : CODES[code]) ?? STAGES[name] ?? stageByText(message)
  return [{ address: addressIn(error) ?? address, stage, reason: printable(message === '' ? name : message, 200) }]
}

/** True if the dial failed because another identity than the dialled one answered. */
export function isIdentityMismatch(error: unknown): boolean {
  if (error instanceof AggregateError) {
    return error.errors.some(isIdentityMismatch)
  }
  const { name, message = '' } = (error ?? {}) as Partial<Error>
  // libp2p's upgrader keeps only the message of what noise threw
  return name === 'UnexpectedPeerError' || /does not match expected (remote identity key|peer)/i.test(message)
}

function stageByText(message: string): DialStage {
  if (/ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ECONNRESET/.test(message)) {
    return 'connect'
  }
  if (/ENOTFOUND|EAI_AGAIN/.test(message)) {
    return 'dns'
  }
  if (/timed? ?out/i.test(message)) {
    return 'timeout'
  }
  return 'unknown'
}

function addressIn(error: unknown): string | undefined {
  const { address, port } = (error ?? {}) as { address?: unknown; port?: unknown }
  return typeof address === 'string' && typeof port === 'number' ? `${address}:${port}` : undefined
}
