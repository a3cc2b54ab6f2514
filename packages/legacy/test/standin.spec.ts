import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LegacyOrchestrator } from '../src/index.js'
import { python, tempFolder, WRITE_SAMPLE } from './state-support.js'

const FOLDER = fileURLToPath(new URL('../../../e2e/python', import.meta.url))
const IMPORT = `import sys; sys.dont_write_bytecode = True; sys.path.insert(0, ${JSON.stringify(FOLDER)})
from penin_standin import *
`

describe('the stand-in for a Python node', () => {
  it('shares a state file with us: each keeps the peers of the other, and it drops keys that it does not know', async () => {
    const path = join(await tempFolder(), 'state.json')
    python(WRITE_SAMPLE.replace('"constructor": True', '').replace('{"__type__": "SomethingNew", ', '{'), path)
    const state = new LegacyOrchestrator()
    await state.loadState(path)
    state.addKnownPeer('10.0.0.1:51515')
    await state.saveState(path)
    const itsTurn = `${IMPORT}
state = State(); known = state.load(sys.argv[1]); known.add("10.0.0.2:51515"); state.save(sys.argv[1], known)
print(state.task_history.maxlen, len(state.task_history), state.score_history.maxlen, type(state.knowledge_base["art"]).__name__)`
    expect(python(itsTurn, path)).toBe('None 20 1000 NumericVectorArtifact\n')
    await state.saveState(path)
    expect([...state.knownPeers].sort()).toEqual([
      '10.0.0.1:51515',
      '10.0.0.2:51515',
      '192.168.1.100:51515',
      '192.168.1.101:51515'
    ])
    const text = await readFile(path, 'utf8')
    expect(text).toContain(`"big": ${2n ** 80n + 1n},\n`)
    expect(text).toContain('"tiny": 1e-07,\n')
    expect(text).not.toContain('of a later version')
  })

  it('reads and writes JSON as Python does where the json module is missing', () => {
    const texts = fc.sample(
      fc.oneof(
        fc.json({ noUnicodeString: false }),
        fc.constantFrom(
          '',
          '{',
          '{"a":1,}',
          '[1 2]',
          '01',
          '"\t"',
          '"\\x"',
          'NaN',
          '[-Infinity]',
          '\ufeff{}',
          '{"a":1}x'
        ),
        fc.string({ unit: 'grapheme' })
      ),
      { numRuns: 300, seed: 6 }
    )
    const compare = `${IMPORT}
import json as real
def attempt(read, text):
    try:
        return repr(read(text))
    except ValueError:
        return "error"
for text in real.load(sys.stdin):
    assert attempt(loads, text) == attempt(real.loads, text), text
    if attempt(loads, text) != "error":
        value = real.loads(text)
        assert repr(real.loads(dumps(value))) == repr(value), text
        dumps(value).encode("ascii")
print("same", json)`
    const { stdout, stderr } = spawnSync('python3', ['-c', compare], {
      input: JSON.stringify(texts),
      env: { ...process.env, PENIN_STANDIN_JSON: 'tiny' },
      encoding: 'utf8'
    })
    expect([stdout, stderr]).toEqual(['same None\n', ''])
  })
})
