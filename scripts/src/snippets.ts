/** A fenced TypeScript block of a Markdown file. */
export interface Snippet {
  /** The file it stands in, as given. */
  file: string
  /** The line of its first line of code, from 1. */
  line: number
  code: string
  /** True if the info string of the fence holds the word `run`. */
  run: boolean
}

const opening = /^(?<indent> {0,3})(?<fence>`{3,}|~{3,})\s*(?<info>[^`]*)$/

/** Every block of `markdown` fenced as `ts`, in order; a fence that is never closed ends with the file. */
export function extractSnippets(file: string, markdown: string): Snippet[] {
  const lines = markdown.split(/\r?\n/)
  const snippets: Snippet[] = []
  for (let i = 0; i < lines.length; i++) {
    const { indent = '', fence = '', info = '' } = opening.exec(lines[i] ?? '')?.groups ?? {}
    if (fence === '') continue
    const start = i + 1
    while (++i < lines.length && !closes(lines[i] ?? '', fence));
    const [language, ...words] = info.trim().split(/\s+/)
    if (language !== 'ts') continue
    const code = lines.slice(start, i).map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
    snippets.push({ file, line: start + 1, code: code.join('\n'), run: words.includes('run') })
  }
  return snippets
}

function closes(line: string, fence: string): boolean {
  const text = line.trim()
  return text.length >= fence.length && text === (fence[0] ?? '').repeat(text.length)
}

/** The module that holds `snippet`, with every line where it stands in the Markdown file, so that errors point there. */
export function snippetModule(snippet: Snippet): { name: string; text: string } {
  const name = `${snippet.file.replaceAll(/[^A-Za-z0-9]+/g, '-')}-${snippet.line}.ts`
  return { name, text: `${'\n'.repeat(snippet.line - 1)}${snippet.code}\n` }
}
