import {
  flag,
  float,
  json,
  listOf,
  maybe,
  object,
  oneOf,
  shape,
  text,
  type Check,
  type Checked
} from './message-schema.js'

const mentalState = shape({
  pending_recommendations: listOf(
    shape({ id: text, task: text, expected_sr: float, age_seconds: float, metadata: object })
  ),
  recent_outcomes: listOf(shape({ id: text, success: flag, actual_sr: float, message: text, timestamp: float })),
  current_concerns: listOf(shape({ task: text, success_rate: float, total_attempts: float, severity: text })),
  // A node without history has no averages.
  sr_statistics: shape({ count: float, avg_sr: maybe(float), latest_sr: maybe(float), stability: maybe(float) }),
  timestamp: float
})

/** What each type of message says. Types with `object` have no agreed content: their payload may be any object. */
export const PAYLOADS = {
  peer_announce: shape({ multiaddrs: listOf(text), specializations: listOf(text), metrics: object, version: text }),
  peer_query: object,
  peer_response: object,
  knowledge_offer: shape({
    asset_id: text,
    asset_type: oneOf('model', 'topology', 'function', 'dataset'),
    name: text,
    description: text,
    size_bytes: float,
    hash: text,
    metadata: object,
    performance: json,
    cost: json,
    created_at: float,
    owner_id: text
  }),
  knowledge_request: shape({ asset_id: text, terms: json, requester_id: text }),
  knowledge_transfer: object,
  knowledge_ack: object,
  metrics_broadcast: shape({
    linf: float,
    caos_plus: float,
    sr_score: float,
    rho: float,
    ece: float,
    rho_bias: float,
    timestamp: float
  }),
  status_request: shape({ requester_id: text, target_peer_id: text }),
  status_response: shape({ mental_state: mentalState }),
  proposal: object,
  vote: object,
  consensus_reached: object,
  heartbeat: shape({ status: text, node_id: text }),
  error: shape({ error: text, context: json, timestamp: float })
} satisfies Record<string, Check<unknown>>

/** The 15 types of `/penin/1.0.0`. The Python alias STATUS_QUERY is `status_request` on the wire. */
export type LegacyMessageType = keyof typeof PAYLOADS

/** All of {@link LegacyMessageType}. */
export const LEGACY_MESSAGE_TYPES = Object.keys(PAYLOADS) as LegacyMessageType[]

/** The payload of a type. */
export type LegacyPayload<T extends LegacyMessageType> = Checked<(typeof PAYLOADS)[T]>

/** What a node answers to a status query. */
export type MentalState = Checked<typeof mentalState>

/** One message. Nothing of it is proven but that it came from `sender_id`. */
export interface LegacyMessage<T extends LegacyMessageType = LegacyMessageType> {
  msg_type: T
  sender_id: string
  /** Unix seconds, by the sender's clock. */
  timestamp: number
  payload: LegacyPayload<T>
  /** No Python node fills or checks it. */
  signature: string | null
  /** Opaque: Python versions compute it in different ways, so it can't be checked. */
  msg_id: string
}

/** Any message; `msg_type` tells which. */
export type AnyLegacyMessage = { [T in LegacyMessageType]: LegacyMessage<T> }[LegacyMessageType]
