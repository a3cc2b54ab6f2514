import { JsonProblem } from './errors.js'
import { JsonScanner, type Member, type Span } from './json-scanner.js'

/** The one key of the file that is ours to change. */
const KEY = 'known_peers'

/** What a Python node writes when it has nothing to say yet; 1000 is its default history length. */
const EMPTY_TEXT = JSON.stringify(
  {
    knowledge_base: {},
    task_history: { __type__: 'deque', items: [], maxlen: 1000 },
    score_history: { __type__: 'deque', items: [], maxlen: 1000 },
    known_peers: []
  },
  null,
  2
)

/** How `known_peers` shall change. */
export interface PeerChange {
  add: Iterable<string>
  remove: ReadonlySet<string>
}

interface Element extends Span {
  /** The string, or nothing if it is anything else: that is kept as it stands. */
  peer?: string
}

/**
 * The text of a state file, and where in it the known peers stand. Only their list is ever rewritten; every other
 * character, be it an unknown key, a number of 40 digits or a NaN, stays.
 *
 * Of several `known_peers` the last one counts, as in Python. One inside another object is none.
 */
export class StateDocument {
  readonly #members: Member[]
  readonly #close: number
  readonly #known: Member | undefined
  readonly #elements: Element[]

  /** @throws JsonProblem */
  constructor(readonly text: string) {
    if (text.startsWith('\ufeff')) {
      throw new JsonProblem('a byte order mark, which Python refuses', 0)
    }
    const scanner = new JsonScanner(text)
    const { members, close } = scanner.object()
    this.#members = members
    this.#close = close
    this.#known = members.findLast(({ name }) => name === KEY)
    this.#elements = this.#known == null ? [] : this.#read(scanner.list(this.#known.value.start))
  }

  /** A document such as a Python node writes at first, without peers. */
  static empty(): StateDocument {
    return new StateDocument(EMPTY_TEXT)
  }

  /** The strings in the list, in its order. Nothing about them has been checked. */
  get peers(): string[] {
    return this.#elements.flatMap(({ peer }) => (peer == null ? [] : [peer]))
  }

  /** The same document with other peers; itself if nothing changes. */
  withChange({ add, remove }: PeerChange): StateDocument {
    const present = new Set(this.peers)
    const kept = this.#elements.filter(({ peer }) => peer == null || !remove.has(peer))
    const added = [...new Set(add)].filter((peer) => !present.has(peer) && !remove.has(peer))
    if (added.length === 0 && kept.length === this.#elements.length) {
      return this
    }
    const items = [...kept.map(({ start, end }) => this.text.slice(start, end)), ...added.map(quoted)]
    return new StateDocument(this.#splice(items))
  }

  #read(spans: Span[]): Element[] {
    return spans.map((span) => {
      const isString = this.text[span.start] === '"'
      return isString ? { ...span, peer: JSON.parse(this.text.slice(span.start, span.end)) as string } : span
    })
  }

  #splice(items: string[]): string {
    const { text } = this
    if (this.#known != null) {
      const { key, value } = this.#known
      return text.slice(0, value.start) + this.#list(items, this.#gapBefore(key.start)) + text.slice(value.end)
    }
    const last = this.#members.at(-1)
    const gap = last == null ? '' : this.#gapBefore(last.key.start)
    const at = last?.value.end ?? this.#close
    const separator = last == null ? '' : gap === '' ? ', ' : `,${gap}`
    return `${text.slice(0, at)}${separator}"${KEY}": ${this.#list(items, gap)}${text.slice(at)}`
  }

  /** One line, or one line for each item if the keys of the file have a line each. */
  #list(items: string[], gap: string): string {
    if (items.length === 0 || gap === '') {
      return `[${items.join(', ')}]`
    }
    const deeper = gap + gap.slice(gap.lastIndexOf('\n') + 1)
    return `[${items.map((item) => deeper + item).join(',')}${gap}]`
  }

  /** The line break and the indentation before a key; empty if it stands behind another one. */
  #gapBefore(at: number): string {
    let start = at
    while (' \t\r\n'.includes(this.text[start - 1] ?? '-')) {
      start--
    }
    const space = this.text.slice(start, at)
    return space.includes('\n') ? space : ''
  }
}

/** As Python writes strings: in ASCII, which it then reads whatever its locale is. */
function quoted(peer: string): string {
  return JSON.stringify(peer).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
  )
}
