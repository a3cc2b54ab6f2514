// Feeds random, mutated and re-cut frames to the decoders: `node scripts/fuzz.mjs [inputs] [seed]`, after a build.
// It fails on anything that is not one of the decoders' typed errors.
import { Buffer } from 'node:buffer'
import { decodeAnswer, emptyAnswer, encodeAnswer } from '../dist/direct/wire/answer-frame.js'
import { DataReader, encodeData, encodeOpen } from '../dist/direct/wire/data-frame.js'
import { FrameSplitter } from '../dist/direct/wire/frame-splitter.js'

const inputs = Number(process.argv[2] ?? 1_000_000)
let state = Number(process.argv[3] ?? 1) >>> 0 || 1

function below(n) {
  state ^= state << 13
  state ^= state >>> 17
  state ^= state << 5
  return (state >>> 0) % n
}

const bytes = (length) => Uint8Array.from({ length }, () => below(256))

function frame() {
  const fields = {
    id: below(2 ** 31),
    type: below(300),
    size: -1,
    lifetime: -1,
    flags: below(4),
    replyTo: -1,
    payload: bytes(below(40))
  }
  if (below(2) === 0) Object.assign(fields, { name: bytes(1 + below(64)), size: below(5000), lifetime: below(100_000) })
  if (below(4) === 0) Object.assign(fields, { replyTo: below(1000), replyEpoch: bytes(8) })
  return encodeData(fields)
}

const makers = [
  () => bytes(below(80)),
  frame,
  () =>
    encodeOpen({
      epoch: bytes(8),
      lowest: below(1000),
      durableEpoch: below(2) === 0 ? bytes(8) : undefined,
      durableLowest: 1
    }),
  () => encodeAnswer({ ...emptyAnswer(), taken: [[below(1000), 1 + below(9)]], refused: [[below(1000), 1 + below(9)]] })
]

const expected = new Set(['FrameMalformedError', 'FrameTooLongError'])
const reader = new DataReader()
const counts = { frames: 0, answers: 0, refused: 0 }

for (let n = 0; n < inputs; n++) {
  const input = Buffer.concat(Array.from({ length: 1 + below(3) }, () => makers[below(makers.length)]()))
  for (let flips = below(4); flips > 0 && input.length > 0; flips--) {
    input[below(input.length)] = below(256)
  }
  const cut = below(input.length + 1)
  for (const decode of [
    (b, from, to) => (reader.read(b, from, to), counts.frames++),
    (b, from, to) => (decodeAnswer(b, from, to), counts.answers++)
  ]) {
    const splitter = new FrameSplitter(4096, decode)
    try {
      splitter.push(input.subarray(0, cut))
      splitter.push(input.subarray(cut))
    } catch (error) {
      if (!expected.has(error.name)) {
        console.error(`input ${n}: ${input.toString('hex')}, cut at ${cut}`)
        throw error
      }
      counts.refused++
    }
  }
}
console.log(`${inputs} inputs: ${JSON.stringify(counts)}`)
