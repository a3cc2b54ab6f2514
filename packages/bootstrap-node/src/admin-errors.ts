import type { AdminReply } from './admin-routes.js'

/** HTTP statuses by the name of an error of the node. */
const STATUS: Readonly<Record<string, number>> = {
  InvalidPeerAddressError: 400,
  InvalidArgumentError: 400,
  UnknownPeerError: 404,
  PeerIdentityMismatchError: 409,
  DialSelfError: 409,
  PeerBannedError: 409,
  WrongNetworkError: 409,
  ForeignPeerError: 409,
  DialFailedError: 502,
  NoAddressesError: 502,
  HelloFailedError: 502,
  NotRunningError: 503
}

/** What an error looks like to the asker. One that nobody foresaw says its name only. */
export function errorReply(error: unknown): AdminReply {
  const { name = 'Error', message = '', status } = (error ?? {}) as Partial<Error> & { status?: unknown }
  const code = typeof status === 'number' ? status : STATUS[name]
  if (code == null) {
    return { status: 500, body: { error: { name, message: 'unexpected error' } } }
  }
  return { status: code, body: { error: { ...fields(error), name, message } } }
}

/** The typed fields of an error, without what only matters here. */
function fields(error: unknown): Record<string, unknown> {
  const { toJSON } = error as { toJSON?: () => Record<string, unknown> }
  if (typeof toJSON !== 'function') {
    return {}
  }
  const { status: _status, cause: _cause, ...rest } = toJSON.call(error)
  return rest
}
