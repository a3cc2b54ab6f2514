import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeLegacyMessage,
  encodeLegacyMessage,
  LEGACY_MESSAGE_TYPES,
  LEGACY_PROTOCOL,
  MAX_LEGACY_DEPTH,
  MAX_LEGACY_MESSAGE_BYTES,
  type AnyLegacyMessage,
  type LegacyMessageType
} from '../src/index.js'

const malformed = (problem: unknown = expect.anything()): Error =>
  expect.objectContaining({ name: 'LegacyMessageMalformedError', problem }) as Error
const text = fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed())
const float = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0)
const json = fc.jsonValue({ noUnicodeString: false, maxDepth: 3 }).map((v) => JSON.parse(JSON.stringify(v)) as unknown)
const object = fc.dictionary(
  text.filter((key) => key !== '__proto__'),
  json,
  { maxKeys: 4, noNullPrototype: true }
)
const texts = fc.array(text, { maxLength: 4 })
const mentalState = fc.record({
  pending_recommendations: fc.array(
    fc.record({ id: text, task: text, expected_sr: float, age_seconds: float, metadata: object }),
    { maxLength: 2 }
  ),
  recent_outcomes: fc.array(
    fc.record({ id: text, success: fc.boolean(), actual_sr: float, message: text, timestamp: float }),
    { maxLength: 2 }
  ),
  current_concerns: fc.array(
    fc.record({ task: text, success_rate: float, total_attempts: float, severity: fc.constant('high') }),
    { maxLength: 2 }
  ),
  sr_statistics: fc.record(
    { count: float, avg_sr: float, latest_sr: float, stability: float },
    { requiredKeys: ['count'], noNullPrototype: true }
  ),
  timestamp: float
})
const ids = { sender_id: fc.string({ minLength: 1, maxLength: 128 }), msg_id: fc.stringMatching(/^[0-9a-f]{16}$/) }

const payloads: Record<LegacyMessageType, fc.Arbitrary<unknown>> = {
  peer_announce: fc.record({ multiaddrs: texts, specializations: texts, metrics: object, version: text }),
  peer_query: object,
  peer_response: object,
  knowledge_offer: fc.record({
    asset_id: text,
    asset_type: fc.constantFrom('model', 'topology', 'function', 'dataset'),
    name: text,
    description: text,
    size_bytes: fc.nat(),
    hash: text,
    metadata: object,
    performance: json,
    cost: json,
    created_at: float,
    owner_id: text
  }),
  knowledge_request: fc.record({ asset_id: text, terms: json, requester_id: text }),
  knowledge_transfer: object,
  knowledge_ack: object,
  metrics_broadcast: fc.record({
    linf: float,
    caos_plus: float,
    sr_score: float,
    rho: float,
    ece: float,
    rho_bias: float,
    timestamp: float
  }),
  status_request: fc.record({ requester_id: text, target_peer_id: text }),
  status_response: fc.record({ mental_state: mentalState }),
  proposal: object,
  vote: object,
  consensus_reached: object,
  heartbeat: fc.record({ status: text, node_id: text }),
  error: fc.record({ error: text, context: json, timestamp: float })
}
const messageOf = (type: LegacyMessageType): fc.Arbitrary<AnyLegacyMessage> =>
  fc.record({
    msg_type: fc.constant(type),
    sender_id: ids.sender_id,
    timestamp: float,
    payload: payloads[type],
    signature: fc.option(fc.base64String()),
    msg_id: ids.msg_id
  }) as unknown as fc.Arbitrary<AnyLegacyMessage>
const anyMessage = fc.constantFrom(...LEGACY_MESSAGE_TYPES).chain(messageOf)

const HEARTBEAT = {
  msg_type: 'heartbeat',
  sender_id: 'a',
  timestamp: 1.5,
  payload: { status: 'healthy', node_id: 'a' },
  signature: null,
  msg_id: '0123456789abcdef'
}
const decodeText = (text: string): AnyLegacyMessage => decodeLegacyMessage(Buffer.from(text))
const decode = (change: object): AnyLegacyMessage => decodeText(JSON.stringify({ ...HEARTBEAT, ...change }))

describe('the codec of the Python messages', () => {
  it('knows the 15 types and the protocol by their names', () => {
    expect(LEGACY_PROTOCOL).toBe('/penin/1.0.0')
    expect(LEGACY_MESSAGE_TYPES.join(' ')).toBe(
      'peer_announce peer_query peer_response knowledge_offer knowledge_request knowledge_transfer knowledge_ack ' +
        'metrics_broadcast status_request status_response proposal vote consensus_reached heartbeat error'
    )
  })

  it.each(LEGACY_MESSAGE_TYPES)('reads what it writes: %s', (type) => {
    fc.assert(
      fc.property(messageOf(type), (message) => {
        expect(decodeLegacyMessage(encodeLegacyMessage(message))).toEqual(message)
      }),
      { numRuns: 50 }
    )
  })

  it('writes these very bytes', () => {
    expect(Buffer.from(encodeLegacyMessage(HEARTBEAT as AnyLegacyMessage)).toString()).toBe(
      '{"msg_type":"heartbeat","sender_id":"a","timestamp":1.5,"payload":{"status":"healthy","node_id":"a"},' +
        '"signature":null,"msg_id":"0123456789abcdef"}'
    )
  })

  it('reads what Python writes, and Python reads what it writes', () => {
    const messages = fc.sample(anyMessage, { numRuns: 100, seed: 6 })
    const lines = messages.map((message) => Buffer.from(encodeLegacyMessage(message)).toString()).join('\n')
    const program = 'import json,sys\nfor line in sys.stdin.buffer: print(json.dumps(json.loads(line.decode("utf-8"))))'
    const { stdout } = spawnSync('python3', ['-I', '-c', program], { input: lines, encoding: 'utf8' })
    expect(stdout.trim().split('\n').map(decodeText)).toEqual(messages)
  })

  it('takes NaN and Infinity, which Python writes, as null', () => {
    const line = JSON.stringify({ ...HEARTBEAT, msg_type: 'metrics_broadcast', payload: 0 }).replace(
      '"payload":0',
      '"payload":{"linf":NaN,"caos_plus":Infinity,"sr_score":-Infinity,"rho":1e-07,"ece":0,"rho_bias":1.0,"timestamp":2,"NaN":["NaN",NaN]}'
    )
    const { payload } = decodeText(line)
    expect(payload).toEqual({
      ...{ linf: null, caos_plus: null, sr_score: null, rho: 1e-7, ece: 0, rho_bias: 1, timestamp: 2 },
      NaN: ['NaN', null]
    })
  })

  it('throws nothing but its own errors for random and for damaged bytes', () => {
    const damaged = fc
      .tuple(anyMessage, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }), fc.nat())
      .map(([message, changes, cut]) => {
        const bytes = encodeLegacyMessage(message)
        for (const [at, value] of changes) {
          bytes[at % bytes.length] = value
        }
        return cut % 3 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes
      })
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), (bytes) => {
        try {
          decodeLegacyMessage(bytes)
        } catch (error) {
          expect((error as Error).name).toBeOneOf(['LegacyMessageMalformedError', 'LegacyMessageTypeError'])
        }
      }),
      { numRuns: 1_000 }
    )
  })

  it.each([
    ['no object', '[]'],
    ['no object', 'null'],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    [expect.stringContaining('expected a value'), '\ufeff{}'],
    [expect.stringContaining('the text ends'), '{"msg_type":'],
    ['msg_type: expected a string', '{"msg_type":7}']
  ])('refuses as malformed: %s', (problem, bytes) => {
    expect(() => decodeLegacyMessage(Buffer.from(bytes as string))).toThrow(malformed(problem))
  })

  it.each([
    ['sender_id', ''],
    ['sender_id', 'x'.repeat(129)],
    ['sender_id', 7],
    ['msg_id', null],
    ['timestamp', '1'],
    ['timestamp', null],
    ['signature', 7],
    ['signature', 'x'.repeat(4097)],
    ['payload', []],
    ['payload', null],
    ['payload.node_id', undefined],
    ['payload.status', 7]
  ])('refuses a bad %s', (place, value) => {
    const [field = '', inner] = place.split('.')
    const change = inner == null ? { [field]: value } : { payload: { ...HEARTBEAT.payload, [inner]: value } }
    expect(() => decode(change)).toThrow(malformed(expect.stringMatching(`^${place}: expected`)))
  })

  it('looks into lists, and names the place', () => {
    const state = fc.sample(mentalState, { numRuns: 1, seed: 1 })[0]
    const payload = { mental_state: { ...state, current_concerns: [{ task: 't', success_rate: 'x' }] } }
    expect(() => decode({ msg_type: 'status_response', payload })).toThrow(
      malformed('payload.mental_state.current_concerns[0].success_rate: expected a number')
    )
  })

  it('says of an unknown type that it is unknown, and keeps unknown fields of a payload', () => {
    expect(() => decode({ msg_type: 'gossip\n' })).toThrow(
      expect.objectContaining({ name: 'LegacyMessageTypeError', type: 'gossip\\u{a}' }) as Error
    )
    expect(() => decode({ msg_type: 'constructor' })).toThrow(/unknown message type/)
    expect(decode({ payload: { ...HEARTBEAT.payload, later: [1] }, other: 1 })).toEqual({
      ...HEARTBEAT,
      payload: { ...HEARTBEAT.payload, later: [1] }
    })
  })

  it('does not take what is inherited for a field', () => {
    const line = JSON.stringify({ ...HEARTBEAT, payload: 0 }).replace(
      '"payload":0',
      '"payload":{"__proto__":{"status":"x","node_id":"y"}}'
    )
    expect(() => decodeText(line)).toThrow(malformed('payload.status: expected a string'))
  })

  it('stops at the depth and at the size limit, and not before', () => {
    const nested = (depth: number): string =>
      `{"msg_type":"vote","sender_id":"a","timestamp":1,"payload":{"x":${'['.repeat(depth)}${']'.repeat(depth)}},"msg_id":"b"}`
    expect(decodeText(nested(MAX_LEGACY_DEPTH - 2)).signature).toBeNull()
    expect(() => decodeText(nested(MAX_LEGACY_DEPTH - 1))).toThrow(malformed(expect.stringContaining('too deeply')))
    expect(() => decodeText(nested(400_000))).toThrow(malformed())
    const size = (length: number): AnyLegacyMessage =>
      ({ ...HEARTBEAT, msg_type: 'vote', payload: { x: 'x'.repeat(length) } }) as unknown as AnyLegacyMessage
    const room = MAX_LEGACY_MESSAGE_BYTES - encodeLegacyMessage(size(0)).byteLength
    expect(encodeLegacyMessage(size(room)).byteLength).toBe(MAX_LEGACY_MESSAGE_BYTES)
    const invalid = expect.objectContaining({ name: 'LegacyMessageInvalidError', type: 'vote' }) as Error
    expect(() => encodeLegacyMessage(size(room + 1))).toThrow(invalid)
    const circular: Record<string, unknown> = {}
    circular['self'] = circular
    expect(() => encodeLegacyMessage({ ...size(0), payload: circular } as unknown as AnyLegacyMessage)).toThrow(invalid)
  })
})
