import { describe, expect, it } from 'vitest'
import { dialAttempts, isIdentityMismatch } from '../src/dial-errors.js'

function named(name: string, message = name, fields: object = {}): Error {
  return Object.assign(new RangeError(message), { name }, fields)
}

describe('dialAttempts', () => {
  it.each([
    [named('Error', 'connect ECONNREFUSED 127.0.0.1:1', { code: 'ECONNREFUSED' }), 'connect'],
    [named('Error', 'x', { code: 'ENOTFOUND' }), 'dns'],
    [named('Error', 'x', { code: 'ETIMEDOUT' }), 'timeout'],
    [named('DialDeniedError'), 'gate'],
    [named('ConnectionInterceptedError'), 'gate'],
    [named('EncryptionFailedError'), 'encrypt'],
    [named('UnexpectedPeerError'), 'encrypt'],
    [named('MuxerUnavailableError'), 'multiplex'],
    [named('TimeoutError'), 'timeout'],
    [named('AbortError'), 'aborted'],
    [named('Error', 'connect EHOSTUNREACH 1.2.3.4'), 'connect'],
    [named('Error', 'getaddrinfo ENOTFOUND x'), 'dns'],
    [named('Error', 'the operation timed out'), 'timeout'],
    [named('Error', 'what?'), 'unknown'],
    ['a string', 'unknown'],
    [undefined, 'unknown'],
    [null, 'unknown']
  ])('%s ended at stage %s', (error, stage) => {
    expect(dialAttempts(error)[0]?.stage).toBe(stage)
  })

  it('lists every cause of an aggregate, nested ones too, but no more than 32', () => {
    const refused = named('Error', 'refused', { code: 'ECONNREFUSED', address: '192.0.2.1', port: 4001 })
    const error = new AggregateError([refused, new AggregateError([named('TimeoutError')])])
    expect(dialAttempts(error, '/dns/x/tcp/1')).toEqual([
      { address: '192.0.2.1:4001', stage: 'connect', reason: 'refused' },
      { address: '/dns/x/tcp/1', stage: 'timeout', reason: 'TimeoutError' }
    ])
    expect(dialAttempts(new AggregateError(Array.from({ length: 1_000 }, () => refused)))).toHaveLength(32)
  })

  it('lets nothing of a peer into a terminal', () => {
    const [attempt] = dialAttempts(named('Error', `\u001b[2J${'x'.repeat(10_000)}`))
    expect(attempt?.reason).not.toContain('\u001b')
    expect(attempt?.reason.length).toBeLessThan(300)
  })
})

describe('isIdentityMismatch', () => {
  it('finds it by name, by text and within an aggregate', () => {
    expect(isIdentityMismatch(named('UnexpectedPeerError'))).toBe(true)
    const text = 'Payload identity key x does not match expected remote identity key y'
    expect(isIdentityMismatch(new AggregateError([named('Error'), named('EncryptionFailedError', text)]))).toBe(true)
  })

  it('is false for everything else', () => {
    for (const error of [named('Error', 'expected'), undefined, null, 5, new AggregateError([])]) {
      expect(isIdentityMismatch(error)).toBe(false)
    }
  })
})
