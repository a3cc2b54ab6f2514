import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { Outcome } from '../src/snippet-project.js'
import { readmeSnippets, SnippetProject } from '../src/snippet-project.js'
import type { Snippet } from '../src/snippets.js'
import { root } from '../src/workspace.js'

const dirs: string[] = []

function project(name: string, snippets: readonly Snippet[]): SnippetProject {
  const dir = join(root, 'scripts/.snippets', name)
  dirs.push(dir)
  return new SnippetProject(dir, snippets)
}

afterAll(() => {
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true })
})

describe('the code in the READMEs', () => {
  const snippets = readmeSnippets()
  const all = snippets.length > 0 ? project('readme', snippets) : undefined
  let compiled: Promise<Outcome> | undefined
  const compile = (): Promise<Outcome> => (compiled ??= all?.compile() ?? Promise.resolve({ code: 0, output: '' }))

  it('type-checks against the built packages', async () => {
    expect(await compile()).toEqual({ code: 0, output: '' })
  })

  it.for(snippets.filter(({ run }) => run))('$file:$line runs and exits by itself', async (snippet) => {
    expect((await compile()).code).toBe(0)
    const outcome = await all?.run(snippet)
    expect(outcome, outcome?.output).toMatchObject({ code: 0 })
  })
})

describe('the snippet project', () => {
  const snippet = (line: number, code: string): Snippet => ({ file: 'doc.md', line, code, run: true })

  it('resolves workspace packages by name and runs what it compiled', async () => {
    const good = snippet(3, "import { printable } from '@penin/interface'\nconsole.log(printable('it runs'))")
    const program = project('good', [good])
    expect(await program.compile()).toEqual({ code: 0, output: '' })
    expect(await program.run(good)).toEqual({ code: 0, output: 'it runs\n' })
  })

  it('says where in the document a type error stands', async () => {
    const bad = snippet(7, "const port: number = 'four'")
    const { code, output } = await project('bad', [bad]).compile()
    expect(code).not.toBe(0)
    expect(output).toContain('doc-md-7.ts(7,7): error TS2322')
  })

  it('reports a snippet that exits with an error', async () => {
    const failing = snippet(1, "throw new Error('snippet broke')")
    const program = project('failing', [failing])
    await program.compile()
    const outcome = await program.run(failing)
    expect(outcome.code).toBe(1)
    expect(outcome.output).toContain('snippet broke')
  })
})
