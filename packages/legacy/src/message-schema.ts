/** Any JSON value. */
export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue }

/** A JSON object of any content. */
export type JsonObject = Record<string, JsonValue>

/** Says what is wrong with a value, by its place in the message; undefined if nothing is. */
export interface Check<T> {
  (value: JsonValue | undefined, place: string): string | undefined
  /** Never there: it carries the type. */
  readonly type?: T
}

/** The type of the values that a check lets through. */
export type Checked<C> = C extends Check<infer T> ? T : never

const check =
  <T>(what: string, isGood: (value: JsonValue | undefined) => boolean): Check<T> =>
  (value, place) =>
    isGood(value) ? undefined : `${place}: expected ${what}`

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const text: Check<string> = check('a string', (value) => typeof value === 'string')
/** Python's floats may be NaN or infinite, and arrive as null. */
export const float: Check<number | null> = check('a number', (value) => value === null || typeof value === 'number')
export const flag: Check<boolean> = check('true or false', (value) => typeof value === 'boolean')
export const object: Check<JsonObject> = check('an object', isObject)
export const json: Check<JsonValue> = check('a value', (value) => value !== undefined)

export const oneOf = <const T extends string>(...words: T[]): Check<T> =>
  check(words.join(', '), (value) => words.includes(value as T))

/** The same, or nothing. */
export const maybe =
  <T>(inner: Check<T>): Check<T | undefined> =>
  (value, place) =>
    value === undefined ? undefined : inner(value, place)

export const listOf =
  <T>(item: Check<T>): Check<T[]> =>
  (value, place) => {
    if (!Array.isArray(value)) {
      return `${place}: expected a list`
    }
    for (const [index, entry] of value.entries()) {
      const problem = item(entry, `${place}[${index}]`)
      if (problem != null) {
        return problem
      }
    }
    return undefined
  }

/** An object with at least these fields. Others stay in it: a later version may mean something by them. */
export const shape =
  <F extends Record<string, Check<unknown>>>(fields: F): Check<{ [K in keyof F]: Checked<F[K]> }> =>
  (value, place) => {
    if (!isObject(value)) {
      return `${place}: expected an object`
    }
    for (const [name, field] of Object.entries(fields)) {
      const problem = field(Object.hasOwn(value, name) ? value[name] : undefined, `${place}.${name}`)
      if (problem != null) {
        return problem
      }
    }
    return undefined
  }
