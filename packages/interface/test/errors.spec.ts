import { describe, expect, it } from 'vitest'
import {
  assertSupportedRuntime,
  InvalidArgumentError,
  MINIMUM_NODE,
  NotRunningError,
  PEER_SOURCES,
  PeninError,
  UnsupportedRuntimeError
} from '../src/index.js'

class ExampleError extends PeninError {
  static override readonly name = 'ExampleError'

  constructor(
    readonly peer: string,
    options?: ErrorOptions
  ) {
    super(`about ${peer}`, options)
  }
}

describe('errors', () => {
  it('are known by their name, whatever the class is called after minification', () => {
    const error = new ExampleError('12D3')
    expect(error.name).toBe('ExampleError')
    expect(String(error)).toBe('ExampleError: about 12D3')
    expect(error).toBeInstanceOf(PeninError)
    expect(new NotRunningError('x').name).toBe('NotRunningError')
    expect(new InvalidArgumentError('limit', '-1', 'at least 0').message).toBe('limit: got -1, expected at least 0')
  })

  it('go into JSON with name, message and fields, without stack and paths', () => {
    const error = new ExampleError('12D3', { cause: new RangeError('/home/somebody/file') })
    expect(JSON.parse(JSON.stringify(error))).toEqual({ name: 'ExampleError', message: 'about 12D3', peer: '12D3' })
    expect(JSON.stringify(error)).not.toContain('/')
    expect(error.cause).toBeInstanceOf(RangeError)
  })
})

describe('the runtime check', () => {
  it.each(['22.15.0', '22.15.1', '22.16.0', '23.0.0', '24.9.0', '100.0.0', '25.0.0-nightly20260101'])(
    'lets Node.js %s pass',
    (version) => {
      expect(() => {
        assertSupportedRuntime(version)
      }).not.toThrow()
    }
  )

  it.each(['22.14.99', '22.0.0', '20.19.4', '18.20.0', '0.12.0'])(
    'stops Node.js %s and says what is needed',
    (version) => {
      expect(() => {
        assertSupportedRuntime(version)
      }).toThrow(expect.objectContaining({ name: 'UnsupportedRuntimeError', version, required: `>=${MINIMUM_NODE}` }))
    }
  )

  it('knows the version that runs', () => {
    expect(() => {
      assertSupportedRuntime()
    }).not.toThrow(UnsupportedRuntimeError)
  })
})

it('every peer source is listed once', () => {
  expect(new Set(PEER_SOURCES).size).toBe(PEER_SOURCES.length)
})
