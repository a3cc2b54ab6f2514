import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StateDocument } from '../src/state-document.js'

const NOBODY = new Set<string>()
const problem = (offset: number): unknown => expect.objectContaining({ name: 'JsonProblem', offset })

/** JSON texts with all sorts of white space and numbers, which no serialiser would produce again. */
const space = fc.stringMatching(/^[ \t\r\n]{0,3}$/)
const number = fc.oneof(
  fc.stringMatching(/^-?(0|[1-9]\d{0,40})(\.\d{1,20})?([eE][+-]?\d{1,3})?$/),
  fc.constantFrom('1e-07', '1.0', '-0', '-0.0', '9007199254740993', '1E+2', 'NaN', 'Infinity', '-Infinity')
)
const string = fc.oneof(
  fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
  fc.constantFrom('"\\ud800"', '"\\/\\u00e9"', '"]},{["', '"known_peers"', '"\\"known_peers\\": []"', '"\u2028"')
)
const { value: anyJson } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(number, string, fc.constantFrom('true', 'false', 'null')),
    fc
      .tuple(
        fc.array(
          fc.tuple(space, tie('value'), space).map((parts) => parts.join('')),
          { maxLength: 4 }
        ),
        space
      )
      .map(([items, s]) => (items.length === 0 ? `[${s}]` : `[${items.join(',')}]`)),
    fc
      .tuple(fc.array(fc.tuple(space, string, space, space, tie('value'), space), { maxLength: 4 }), space)
      .map(([members, s]) =>
        members.length === 0
          ? `{${s}}`
          : `{${members.map(([a, key, b, c, value, d]) => `${a}${key}${b}:${c}${value}${d}`).join(',')}}`
      )
  )
}))
const members = fc.array(
  fc
    .tuple(
      space,
      string.filter((key) => key !== '"known_peers"'),
      space,
      space,
      anyJson,
      space
    )
    .map(([a, key, b, c, value, d]) => `${a}${key}${b}:${c}${value}${d}`),
  { maxLength: 4 }
)
const peers = fc.array(
  fc.oneof(
    fc.ipV4().map((ip) => `${ip}:51515`),
    fc.string({ unit: 'binary' })
  ),
  { maxLength: 5 }
)

describe('the state document', () => {
  it('changes nothing but the value of known_peers, in any JSON text', () => {
    fc.assert(
      fc.property(members, members, peers, peers, fc.tuple(space, space, space), (head, tail, old, add, [a, b, c]) => {
        const join = (list: string[], known: string): string => [...list, known].join(',')
        const before = `${c}{${join(head, `${a}"known_peers"${b}:`)}`
        const after = `${a}${tail.map((member) => `,${member}`).join('')}}${b}`
        const document = new StateDocument(`${before}${JSON.stringify(old)}${after}`)
        expect(document.peers).toEqual(old)
        const { text } = document.withChange({ add, remove: NOBODY })
        expect(text.startsWith(before)).toBe(true)
        expect(text.endsWith(after)).toBe(true)
        const now = JSON.parse(text.slice(before.length, text.length - after.length)) as string[]
        expect(now).toEqual([...old, ...new Set(add.filter((peer) => !old.includes(peer)))])
        const { text: emptied } = new StateDocument(text).withChange({ add: [], remove: new Set(now) })
        expect(emptied).toBe(now.length === 0 ? text : `${before}[]${after}`)
      }),
      { numRuns: 500 }
    )
  })

  it('appends the key, and nothing else, where it is missing', () => {
    fc.assert(
      fc.property(members, space, peers, (all, s, add) => {
        const text = `{${all.length === 0 ? s : all.join(',')}}${s}`
        const changed = new StateDocument(text).withChange({ add, remove: NOBODY })
        expect(changed.peers).toEqual([...new Set(add)])
        const rest = changed.text.replace(/(, |,\s+)?"known_peers": \[(?:[^"\]]|"(?:[^"\\]|\\.)*")*\](?=\s*\}\s*$)/, '')
        expect(add.length === 0 ? changed.text : rest).toBe(text)
      }),
      { numRuns: 300 }
    )
  })

  it('writes as Python does: a line for each peer where keys have lines, one line where not', () => {
    const add = ['10.0.0.1:51515', '10.0.0.2:51515']
    const at = (text: string): string => new StateDocument(text).withChange({ add, remove: NOBODY }).text
    expect(at('{"known_peers": []}')).toBe('{"known_peers": ["10.0.0.1:51515", "10.0.0.2:51515"]}')
    expect(at('{"a": 1, "known_peers": ["x"]}')).toBe(
      '{"a": 1, "known_peers": ["x", "10.0.0.1:51515", "10.0.0.2:51515"]}'
    )
    expect(at('{\n  "known_peers": []\n}')).toBe(
      '{\n  "known_peers": [\n    "10.0.0.1:51515",\n    "10.0.0.2:51515"\n  ]\n}'
    )
    expect(at('{}')).toBe('{"known_peers": ["10.0.0.1:51515", "10.0.0.2:51515"]}')
    expect(at('{\n  "a": 1\n}')).toBe(
      '{\n  "a": 1,\n  "known_peers": [\n    "10.0.0.1:51515",\n    "10.0.0.2:51515"\n  ]\n}'
    )
    expect(JSON.parse(StateDocument.empty().text)).toEqual({
      knowledge_base: {},
      task_history: { __type__: 'deque', items: [], maxlen: 1000 },
      score_history: { __type__: 'deque', items: [], maxlen: 1000 },
      known_peers: []
    })
  })

  it('takes the last of several known_peers, however it is written, and none of an inner object', () => {
    const text = '{"known_peers":["a"],"x":{"known_peers":["b"]},"known\\u005fpeers":["c"]}'
    const document = new StateDocument(text)
    expect(document.peers).toEqual(['c'])
    expect(document.withChange({ add: ['d'], remove: new Set(['a', 'b']) }).text).toBe(
      '{"known_peers":["a"],"x":{"known_peers":["b"]},"known\\u005fpeers":["c", "d"]}'
    )
  })

  it('keeps what is no string in the list as it stands', () => {
    const document = new StateDocument('{"known_peers":[1e-07,"a",null,[ "a" ]]}')
    expect(document.peers).toEqual(['a'])
    expect(document.withChange({ add: ['b'], remove: new Set(['a']) }).text).toBe(
      '{"known_peers":[1e-07, null, [ "a" ], "b"]}'
    )
  })

  it.each([
    ['', 0],
    ['[]', 0],
    ['\ufeff{}', 0],
    ['{"known_peers":null}', 15],
    ['{"known_peers":"a"}', 15],
    ['{"a":1,}', 7],
    ['{"a" 1}', 5],
    ['{a:1}', 1],
    ['{"a":[1,]}', 8],
    ['{"a":01}', 6],
    ['{"a":1.}', 7],
    ['{"a":+1}', 5],
    ['{"a":.5}', 5],
    ['{"a":1e}', 7],
    ['{"a":--Infinity}', 6],
    ['{"a":nan}', 5],
    ['{"a":"\t"}', 6],
    ['{"a":"\\x"}', 6],
    ['{"a":"\\u12g4"}', 6],
    ['{"a":\u00a01}', 5],
    ["{'a':1}", 1],
    ['{"a":1}{}', 7],
    ['{"a":[}', 6],
    ['{"a":[{]}', 7],
    ['{"a":"', 6]
  ])('says where %j is wrong', (text, offset) => {
    expect(() => new StateDocument(text)).toThrow(problem(offset))
  })

  it('agrees with JSON.parse on what is JSON, whatever is done to a text', () => {
    const damaged = fc
      .tuple(anyJson, fc.array(fc.tuple(fc.nat(), fc.constantFrom(...'{}[]",:0-1e.\\ utn')), { maxLength: 3 }))
      .map(([text, changes]) =>
        changes.reduce(
          (all, [at, char]) => all.slice(0, at % all.length) + char + all.slice((at % all.length) + 1),
          text
        )
      )
    fc.assert(
      fc.property(damaged, (inner) => {
        const text = `{"a":${inner}}`
        const parses = (read: () => unknown): boolean => {
          try {
            read()
            return true
          } catch {
            return false
          }
        }
        fc.pre(!/NaN|Infinity/.test(text))
        expect(parses(() => new StateDocument(text))).toBe(parses(() => JSON.parse(text)))
      }),
      { numRuns: 2_000 }
    )
  })

  it('bears a million brackets and a number of a million digits', () => {
    const deep = '['.repeat(1_000_000) + ']'.repeat(1_000_000)
    const text = `{"a":${deep},"b":${'7'.repeat(1_000_000)},"known_peers":[]}`
    const changed = new StateDocument(text).withChange({ add: ['x'], remove: NOBODY })
    expect(changed.text).toHaveLength(text.length + 3)
    expect(() => new StateDocument(`{"a":${'['.repeat(1_000_000)}`)).toThrow(problem(1_000_005))
  })
})
