/**
 * `/penin/msg/1.0.0`: messages between peers, direct and reliable.
 *
 * @packageDocumentation
 */
export * from './broadcast/index.js'
export { type Bandwidth, type BandwidthLimit } from './direct/bandwidth.js'
export { Answer, type SendOptions } from './direct/direct-messages.js'
export { type HandleOptions, type MessageHandler, type Payload } from './direct/handlers.js'
export { type Message } from './direct/incoming.js'
export { MESSAGING_LIMITS, type MessagingLimits } from './direct/limits.js'
export { type Priority } from './direct/outgoing.js'
export { type MessageOffence } from './direct/reports.js'
export { type MessageSink } from './direct/sink.js'
export { type MessageCounts, type MessageStats } from './direct/statistics.js'
export { type Connect, type RetryRule } from './direct/surroundings.js'
export { MessageType } from './direct/types.js'
export * from './errors.js'
export {
  messaging,
  type Messaging,
  type MessagingComponents,
  type MessagingEvents,
  type MessagingInit
} from './messaging.js'
export { MESSAGES_PROTOCOL } from './protocol.js'
