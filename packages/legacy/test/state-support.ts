import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until, type FakeClock } from '@penin/testing'
import { afterEach } from 'vitest'

const folders: string[] = []

afterEach(async () => {
  await Promise.all(folders.splice(0).map(async (folder) => rm(folder, { recursive: true, force: true })))
})

/** A folder of its own, which is gone after the test. */
export async function tempFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'penin-legacy-'))
  folders.push(folder)
  return folder
}

/** Lets time pass in steps, each as soon as somebody waits for it, until the work is over. */
export async function passing<T>(clock: FakeClock, step: number, work: Promise<T>): Promise<T> {
  let isOver = false
  const end = (): void => {
    isOver = true
  }
  work.then(end, end)
  while (!isOver) {
    await until(() => isOver || clock.pending() > 0, { intervalMs: 1 })
    await clock.tickAsync(isOver ? 0 : step)
  }
  return work
}

/** Runs a program of Python's standard library and returns what it prints. */
export function python(program: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync('python3', ['-I', '-c', program, ...args], { encoding: 'utf8' })
  if (status !== 0) {
    throw new EvalError(`python3: ${error?.message ?? stderr}`)
  }
  return stdout
}

/** Writes a state file as a Python node does, with everything that JavaScript's numbers and objects would lose. */
export const WRITE_SAMPLE = `
import json, sys
state = {
    "knowledge_base": {
        "10": "integer-like keys keep their place", "2": 1.0, "1": 1, "big": 2**80 + 1, "exact": 9007199254740993,
        "tiny": 1e-07, "huge": 1e+300, "minus zero": -0.0, "nan": float("nan"), "inf": [float("inf"), -float("inf")],
        "art": {"__type__": "NumericVectorArtifact", "vector": [0.1, 1e-07, 3.0], "metadata": {"é": "\\u2028 \\U0001f600"}},
        "unknown": {"__type__": "SomethingNew", "known_peers": ["not mine"]}, "lone": "\\ud800", "": None,
        "__proto__": {"constructor": True},
    },
    "task_history": {"__type__": "deque", "items": [{"id": i, "sr": i / 7} for i in range(20)], "maxlen": None},
    "score_history": {"__type__": "deque", "items": [0.30000000000000004, 1e22, 5e-324], "maxlen": 1000},
    "known_peers": ["192.168.1.100:51515", "192.168.1.101:51515"],
    "of a later version": [[], {}, [[]]],
}
with open(sys.argv[1], "w") as file:
    json.dump(state, file, indent=int(sys.argv[2]) if len(sys.argv) > 2 else None)
`

/** Prints whether two state files mean the same to Python but for known_peers, and the known peers of the second. */
export const COMPARE = `
import json, sys
def read(path):
    with open(path) as file:
        return json.load(file, object_pairs_hook=list)
a, b = (read(path) for path in sys.argv[1:3])
rest = lambda pairs: repr([pair for pair in pairs if pair[0] != "known_peers"])
assert rest(a) == rest(b), "the rest differs"
assert [k for k, _ in a] == [k for k, _ in b], "the order differs"
print(json.dumps(dict(b)["known_peers"]))
`
