import { JsonProblem } from './errors.js'

/** A piece of a text: from `start` up to, not including, `end`. */
export interface Span {
  start: number
  end: number
}

/** One `"key": value` of an object. */
export interface Member {
  /** The key, unescaped. */
  name: string
  key: Span
  value: Span
}

/** What Python's json module writes, and reads, beside standard JSON. */
const NON_FINITE = ['NaN', 'Infinity', '-Infinity']

export interface ScanLimits {
  /** Objects and lists within each other. @default unlimited: it costs no stack */
  maxDepth?: number
  /** Told of every NaN, Infinity and -Infinity. */
  onNonFinite?: (span: Span) => void
}

/**
 * Reads JSON as Python's json module does, and remembers where things stand instead of what they are: whoever changes
 * one piece of the text leaves all the rest as it is, digit by digit.
 */
export class JsonScanner {
  #at = 0

  constructor(
    readonly text: string,
    private readonly limits: ScanLimits = {}
  ) {}

  /** The members of the object that is the whole text, and where it ends. @throws JsonProblem */
  object(): { members: Member[]; close: number } {
    this.#space()
    this.#expect('{', 'an object')
    const members: Member[] = []
    this.#space()
    while (this.text[this.#at] !== '}') {
      if (members.length > 0) {
        this.#expect(',', '"," or "}"')
        this.#space()
      }
      const key = this.#key()
      members.push({ name: JSON.parse(this.text.slice(key.start, key.end)) as string, key, value: this.#value() })
      this.#space()
    }
    const close = this.#at++
    this.#end()
    return { members, close }
  }

  /** The elements of the list that begins at `start`. @throws JsonProblem */
  list(start: number): Span[] {
    this.#at = start
    this.#expect('[', 'a list')
    const elements: Span[] = []
    this.#space()
    while (this.text[this.#at] !== ']') {
      if (elements.length > 0) {
        this.#expect(',', '"," or "]"')
        this.#space()
      }
      elements.push(this.#value())
      this.#space()
    }
    return elements
  }

  /** Checks that the whole text is one value. @throws JsonProblem */
  document(): void {
    this.#space()
    this.#value()
    this.#end()
  }

  #end(): void {
    this.#space()
    if (this.#at < this.text.length) {
      this.#fail('something follows the end')
    }
  }

  /** Any value, without recursion: how deep an attacker nests is bounded by the text's length alone. */
  #value(): Span {
    const start = this.#at
    const closers: string[] = []
    for (;;) {
      const opener = this.text[this.#at]
      if (opener === '{' || opener === '[') {
        if (this.#open(opener, closers)) {
          continue
        }
      } else {
        this.#scalar()
      }
      if (!this.#next(closers)) {
        return { start, end: this.#at }
      }
    }
  }

  /** True if there is something in it. */
  #open(opener: '{' | '[', closers: string[]): boolean {
    if (closers.length >= (this.limits.maxDepth ?? Infinity)) {
      this.#fail('nested too deeply')
    }
    const closer = opener === '{' ? '}' : ']'
    this.#at++
    this.#space()
    if (this.text[this.#at] === closer) {
      this.#at++
      return false
    }
    closers.push(closer)
    if (closer === '}') {
      this.#key()
    }
    return true
  }

  /** Behind a value: true if another one follows within the outermost one. */
  #next(closers: string[]): boolean {
    for (;;) {
      const closer = closers.at(-1)
      if (closer == null) {
        return false
      }
      this.#space()
      if (this.text[this.#at] === ',') {
        this.#at++
        this.#space()
        if (closer === '}') {
          this.#key()
        }
        return true
      }
      this.#expect(closer, `"," or "${closer}"`)
      closers.pop()
    }
  }

  /** A key and its colon. */
  #key(): Span {
    if (this.text[this.#at] !== '"') {
      this.#fail('expected a key in double quotes')
    }
    const key = this.#string()
    this.#space()
    this.#expect(':', '":"')
    this.#space()
    return key
  }

  #scalar(): void {
    const { text } = this
    const word = ['true', 'false', 'null', ...NON_FINITE].find((word) => text.startsWith(word, this.#at))
    if (word != null) {
      if (NON_FINITE.includes(word)) {
        this.limits.onNonFinite?.({ start: this.#at, end: this.#at + word.length })
      }
      this.#at += word.length
    } else if (text[this.#at] === '"') {
      this.#string()
    } else {
      this.#number()
    }
  }

  #string(): Span {
    const { text } = this
    const start = this.#at++
    for (;;) {
      const code = text.charCodeAt(this.#at)
      if (code === 0x22) {
        return { start, end: ++this.#at }
      }
      if (Number.isNaN(code)) {
        this.#fail('the text ends within a string')
      }
      if (code < 0x20) {
        this.#fail('a control character within a string')
      }
      this.#at += code === 0x5c ? this.#escape() : 1
    }
  }

  /** The length of the escape sequence here. */
  #escape(): number {
    const escape = this.text.slice(this.#at, this.#at + 6)
    if (/^\\["\\/bfnrt]/.test(escape)) {
      return 2
    }
    if (!/^\\u[0-9a-fA-F]{4}$/.test(escape)) {
      this.#fail('no escape sequence of JSON')
    }
    return 6
  }

  #number(): void {
    const start = this.#at
    if (this.text[this.#at] === '-') {
      this.#at++
    }
    if (this.text[this.#at] === '0') {
      this.#at++
    } else {
      this.#digits(start === this.#at ? 'expected a value' : 'expected a digit')
    }
    if (this.text[this.#at] === '.') {
      this.#at++
      this.#digits('expected a digit')
    }
    if (this.text[this.#at] === 'e' || this.text[this.#at] === 'E') {
      this.#at++
      if (this.text[this.#at] === '+' || this.text[this.#at] === '-') {
        this.#at++
      }
      this.#digits('expected a digit')
    }
  }

  #digits(problem: string): void {
    const start = this.#at
    for (let code; (code = this.text.charCodeAt(this.#at)) >= 0x30 && code <= 0x39;) {
      this.#at++
    }
    if (this.#at === start) {
      this.#fail(problem)
    }
  }

  #space(): void {
    for (let code; (code = this.text.charCodeAt(this.#at)) === 0x20 || code === 0x0a || code === 0x0d || code === 9;) {
      this.#at++
    }
  }

  #expect(character: string, what: string): void {
    if (this.text[this.#at] !== character) {
      this.#fail(`expected ${what}`)
    }
    this.#at++
  }

  #fail(problem: string): never {
    throw new JsonProblem(this.#at >= this.text.length ? `${problem}, but the text ends` : problem, this.#at)
  }
}
