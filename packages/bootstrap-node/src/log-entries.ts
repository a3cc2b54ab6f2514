import type { NodeEvents } from '@penin/node'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const

/** How much a line matters. */
export type LogLevel = (typeof LOG_LEVELS)[number]

/** What is logged about one event: `fields` for programs, `text` for people. */
export interface LogEntry {
  level: LogLevel
  fields: Record<string, unknown>
  text: string
}

type Describers = { [Name in keyof NodeEvents]: (detail: NodeEvents[Name]['detail']) => LogEntry }

/** How each event of a node is logged. Strings in it are not yet safe to print; the log sees to that. */
export const describers: Describers = {
  'peer:discovered': ({ id, source }) => ({
    level: 'info',
    fields: { id: id.toString(), source },
    text: `found ${id.toString()} by ${source}`
  }),
  'peer:connected': (peer) => ({
    level: 'info',
    fields: {
      id: peer.id.toString(),
      sources: peer.sources,
      direction: peer.direction,
      remoteAddress: peer.remoteAddress?.toString(),
      agentVersion: peer.agentVersion,
      profile: peer.profile
    },
    text:
      `connected ${peer.id.toString()} ${peer.direction ?? ''} ${peer.remoteAddress?.toString() ?? ''}, ` +
      `found by ${peer.sources.join(', ')}, runs ${peer.agentVersion ?? 'an unknown program'}`
  }),
  'peer:updated': ({ id, capabilities }) => ({
    level: 'info',
    fields: { id: id.toString(), capabilities },
    text: `${id.toString()} has changed what it offers`
  }),
  'peer:disconnected': ({ id }) => ({
    level: 'info',
    fields: { id: id.toString() },
    text: `disconnected ${id.toString()}`
  }),
  'peer:refused': ({ id, name, message }) => ({
    level: 'info',
    fields: { id: id.toString(), name, message },
    text: `refused ${id.toString()}: ${message}`
  }),
  dialling: ({ target, reason }) => ({
    level: 'debug',
    fields: { target, reason },
    text: `dialling ${target} (${reason})`
  }),
  dial: ({ target, reason, ok, error }) => ({
    level: 'debug',
    fields: { target, reason, ok, error },
    text: ok ? `dialled ${target} (${reason})` : `could not dial ${target} (${reason}): ${error ?? 'unknown'}`
  }),
  'connection:refused': ({ reason, direction, address, peer }) => ({
    level: 'info',
    fields: { reason, direction, address, id: peer?.toString() },
    text: `refused an ${direction} connection ${address ?? peer?.toString() ?? ''}: ${reason}`
  }),
  'connection:dead': ({ id, message }) => ({
    level: 'info',
    fields: { id: id.toString(), message },
    text: `closed the connection to ${id.toString()}: ${message}`
  }),
  'legacy:discovered': ({ id, address, port }) => ({
    level: 'info',
    fields: { id, address, port },
    text: `heard the Python node ${id} at ${address ?? 'an unknown address'}`
  }),
  'legacy:lost': ({ id, address, port }) => ({
    level: 'info',
    fields: { id, address, port },
    text: `the Python node ${id} is silent`
  }),
  'message:undelivered': ({ id, type, error }) => ({
    level: 'warn',
    fields: { id: id.toString(), type, name: error.name, message: error.message },
    text: `could not deliver a message (${String(type)}) to ${id.toString()}: ${error.message}`
  }),
  addresses: (addresses) => ({
    level: 'info',
    fields: { addresses: addresses.map(String) },
    text: addresses.length === 0 ? 'listens nowhere any more' : `addresses are now ${addresses.map(String).join(', ')}`
  }),
  isolated: ({ forMs }) => ({
    level: 'warn',
    fields: { forMs: Math.round(forMs) },
    text: `no peer for ${Math.round(forMs / 1000)} s: everything known is tried again`
  }),
  'wake-up': ({ reason }) => ({
    level: 'info',
    fields: { reason },
    text: `${WAKE_UPS[reason]}: every connection is checked`
  }),
  store: (event) => ({
    level: event.type === 'write-recovered' ? 'info' : 'warn',
    fields: { ...event },
    text: `database: ${event.type}`
  }),
  warning: ({ message }) => ({ level: 'warn', fields: { message }, text: message })
}

const WAKE_UPS: Record<NodeEvents['wake-up']['detail']['reason'], string> = {
  'clock-jump': 'the machine has slept or its clock was set',
  'interfaces-changed': 'the network interfaces have changed'
}
