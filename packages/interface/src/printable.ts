/**
 * Makes a string that came from a peer, a file or a user safe for a log line or a terminal: control characters, line
 * and paragraph separators, bidirectional overrides and lone surrogates become `\u{…}` escapes, and anything longer than
 * `max` characters is cut and ends in an ellipsis.
 */
export function printable(text: string, max = 128): string {
  const cut = text.length > max ? `${text.slice(0, max - 1)}…` : text
  return cut.replace(
    // eslint-disable-next-line no-control-regex -- control characters are exactly what must not get through
    /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Cs}/gu,
    (char) => `\\u{${char.codePointAt(0)?.toString(16) ?? ''}}`
  )
}
