import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { multiaddr } from '@multiformats/multiaddr'
import { systemClock, systemRng } from '@penin/interface'
// What is measured is inside of the package, behind a network stream.
import { Answers } from '../../../../packages/pex/dist/answers.js'
import { Counters } from '../../../../packages/pex/dist/counters.js'
import { Intake } from '../../../../packages/pex/dist/intake.js'
import { median } from '../statistics.js'

/** Records in one answer. */
const ANSWER = 64

const TIMES = 31

interface Told {
  id: PeerId
  envelope: Uint8Array
}

async function tell(n: number): Promise<Told> {
  const key = await generateKeyPair('Ed25519')
  const id = peerIdFromPrivateKey(key)
  const host = `/ip4/203.0.${n & 255}.7`
  const multiaddrs = [multiaddr(`${host}/tcp/4001`), multiaddr(`${host}/udp/4001/quic-v1`)]
  const record = new PeerRecord({ peerId: id, multiaddrs, seqNumber: 1_800_000_000_000n })
  return { id, envelope: (await RecordEnvelope.seal(record, key)).marshal() }
}

/**
 * Records that look right and are of one source group which has told of more than it may: what costs most of all that
 * can be thrown away before a signature is checked. The answers come one after the other, as they do.
 */
export async function takeJunk(records: number): Promise<number> {
  const junk = await Promise.all(Array.from({ length: records }, async (_, n) => (await tell(n)).envelope))
  const own = await tell(0)
  const intake = new Intake({
    own: own.id,
    sink: { addCandidate: () => undefined, knownSeq: () => undefined },
    clock: systemClock,
    counters: new Counters(),
    limit: { burst: 1, perSecond: Number.MIN_VALUE }
  })
  const observed = multiaddr('/ip4/198.51.100.1/tcp/4001')
  const teller = { peer: own.id, scope: 'public', observed, sourceGroup: '198.51' } as const
  await intake.takeAnswer(junk.slice(0, 1), teller)
  const times: number[] = []
  for (let i = 0; i < TIMES; i++) {
    const before = process.cpuUsage()
    for (let at = 0; at < records; at += ANSWER) await intake.takeAnswer(junk.slice(at, at + ANSWER), teller)
    const { user, system } = process.cpuUsage(before)
    times.push((user + system) / 1000)
  }
  return median(times)
}

export async function answerAgain(records: number): Promise<number> {
  const told = await Promise.all(Array.from({ length: records }, async (_, n) => tell(n)))
  const [own, asker] = [await tell(0), await tell(0)]
  const source = { sampleForExchange: () => told, bookSize: () => records, changes: () => 0 }
  const answers = new Answers({ own: own.id, source, clock: systemClock, rng: systemRng, counters: new Counters() })
  await answers.for(asker.id, 'public', ANSWER)
  const times: number[] = []
  for (let i = 0; i < TIMES; i++) {
    const from = performance.now()
    await answers.for(asker.id, 'public', ANSWER)
    times.push(performance.now() - from)
  }
  return median(times)
}
