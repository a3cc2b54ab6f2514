import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { printable } from '../src/index.js'

/** Whatever a terminal, a log reader or a person could be fooled with. */
const DANGEROUS = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/u

describe('printable', () => {
  it('escapes control characters, C1 ones included', () => {
    expect(printable('a\nb\r\t\0\u007f\u009b')).toBe('a\\u{a}b\\u{d}\\u{9}\\u{0}\\u{7f}\\u{9b}')
  })

  it('leaves a terminal nothing to obey in ANSI sequences', () => {
    expect(printable('\u001b[2J\u001b]0;title\u0007')).toBe('\\u{1b}[2J\\u{1b}]0;title\\u{7}')
  })

  it('escapes what changes the reading direction or cannot be seen', () => {
    expect(printable('user\u202egpj.exe')).toBe('user\\u{202e}gpj.exe')
    expect(printable('a\u2066b\u2069\u200b\ufeff\u2028\u2029')).toBe(
      'a\\u{2066}b\\u{2069}\\u{200b}\\u{feff}\\u{2028}\\u{2029}'
    )
  })

  it('escapes lone surrogates, also one that the cut makes, and leaves whole characters alone', () => {
    expect(printable('\ud800x\udfff')).toBe('\\u{d800}x\\u{dfff}')
    expect(printable('🦔 grüße 你好')).toBe('🦔 grüße 你好')
    expect(printable('ab🦔', 4)).toBe('ab🦔')
    expect(printable('ab🦔c', 4)).not.toMatch(DANGEROUS)
  })

  it('cuts what is too long, and says so', () => {
    expect(printable('x'.repeat(1_000_000))).toHaveLength(128)
    expect(printable('abcdef', 4)).toBe('abc…')
    expect(printable('abcd', 4)).toBe('abcd')
  })

  it('never lets anything dangerous through, and never makes more than 10 characters of one', () => {
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.string({ unit: 'grapheme' }))
    fc.assert(
      fc.property(text, fc.integer({ min: 2, max: 200 }), (input, max) => {
        const out = printable(input, max)
        expect(out).not.toMatch(DANGEROUS)
        expect(out.length).toBeLessThanOrEqual(max * 10)
        if (input.length > max) {
          expect(out.endsWith('…')).toBe(true)
        }
      })
    )
  })

  it('does not change plain text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii', maxLength: 128 }), (text) => {
        expect(printable(text)).toBe(text)
      })
    )
  })
})
