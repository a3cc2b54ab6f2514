import { readFileSync } from 'node:fs'
import { settings, settingsTable } from '@penin/node'
import { describe, expect, it } from 'vitest'
import { BEGIN, END, readme, withConfigTable } from '../src/config-table.js'

describe('the configuration table', () => {
  it('in README.md is up to date; run `pnpm run docs` if not', () => {
    const text = readFileSync(readme, 'utf8')
    expect(withConfigTable(text)).toBe(text)
  })

  it('has one row for each setting, with its key and every variable and flag that sets it', () => {
    const rows = settingsTable().split('\n').slice(2)
    expect(rows).toHaveLength(settings().length)
    settings().forEach(({ key, env, envSeconds, flag }, index) => {
      for (const name of [key, ...env, ...envSeconds, ...(flag == null ? [] : [flag])]) {
        expect(rows[index]).toContain(`\`${name}\``)
      }
    })
  })

  it('replaces what stands between the markers and nothing else, and a second time changes nothing', () => {
    const once = withConfigTable(`before\n${BEGIN}\nold\n${END}\nafter\n`, '| new |')
    expect(once).toMatch(/^before\n<!-- config:begin -->\n[^]*\| new \|[^]*\n<!-- config:end -->\nafter\n$/)
    expect(once).not.toContain('old')
    expect(withConfigTable(once ?? '', '| new |')).toBe(once)
  })

  it.each(['no markers', BEGIN, END, `${END}${BEGIN}`, `${BEGIN}${END}${BEGIN}${END}`, `${BEGIN}${END}${END}`])(
    'is not put into a file without one pair of markers: %s',
    (text) => {
      expect(withConfigTable(text, 'table')).toBeUndefined()
    }
  )
})
