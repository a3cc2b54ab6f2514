import { describe, expect, it } from 'vitest'
import { extractSnippets, snippetModule } from '../src/snippets.js'

const fence = '```'

describe('snippets of a README', () => {
  it('are the ts blocks, with their line and whether to run them', () => {
    const markdown = ['# Title', `${fence}ts`, 'a()', fence, '', `${fence}ts run`, 'b()', 'c()', fence].join('\n')
    expect(extractSnippets('README.md', markdown)).toEqual([
      { file: 'README.md', line: 3, code: 'a()', run: false },
      { file: 'README.md', line: 7, code: 'b()\nc()', run: true }
    ])
  })

  it('are no blocks of another language, nor a ts fence shown inside of one', () => {
    const markdown = [`${fence}sh`, 'ls', fence, `${fence}tsx`, fence, '````md', `${fence}ts`, 'no()', fence, '````']
    expect(extractSnippets('x.md', markdown.join('\n'))).toEqual([])
  })

  it('lose the indentation of their fence and Windows line ends', () => {
    const markdown = `- item\r\n  ${fence}ts\r\n  a()\r\n    b()\r\n  ${fence}\r\n`
    expect(extractSnippets('x.md', markdown).map(({ code }) => code)).toEqual(['a()\n  b()'])
  })

  it('end with the file if the fence is never closed', () => {
    expect(extractSnippets('x.md', `${fence}ts\na()`)).toMatchObject([{ code: 'a()' }])
  })

  it('become modules whose line numbers are those of the file', () => {
    const [snippet] = extractSnippets('packages/pex/README.md', `one\n\n${fence}ts\na()\n${fence}\n`)
    if (snippet === undefined) expect.unreachable()
    const { name, text } = snippetModule(snippet)
    expect(name).toBe('packages-pex-README-md-4.ts')
    expect(text.split('\n')[3]).toBe('a()')
  })
})
