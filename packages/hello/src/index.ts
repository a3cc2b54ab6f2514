/**
 * `/penin/hello/1.0.0`: two peers tell each other their network, profile, version and capabilities.
 *
 * @packageDocumentation
 */
export {
  CAPABILITY_KINDS,
  decodeHello,
  encodeHello,
  HELLO_VERSION,
  MAX_CAPABILITIES,
  MAX_CAPABILITY_BYTES,
  MAX_HELLO_BYTES,
  NETWORK_ID_PATTERN,
  type Capabilities,
  type Hello
} from './codec.js'
export * from './errors.js'
export {
  hello,
  HELLO_PROTOCOL,
  type Acquaintance,
  type HelloComponents,
  type HelloEvents,
  type HelloInit,
  type HelloRefusal,
  type HelloService
} from './hello.js'
