import type { Clock } from '@penin/interface'

/** A stream that is read; `drop` ends it. */
interface Reader {
  readonly peer: string
  readonly drop: () => void
  /** Since when nothing has come of it, monotonic. */
  idleSince: number
}

/** A place is its owner's for so long in any case, in milliseconds: time for a message to arrive. */
const GRACE = 1_000

/** What a stream holds while it is read. */
export interface StreamPlace {
  /** A message has come. */
  touch(): void
  /** The stream has ended. */
  release(): void
}

/**
 * The places for streams of all peers. When all are taken, the newcomer gets that of the stream which has been silent the
 * longest, among those of the peers with the most streams: a few that hold theirs in silence keep nobody else out.
 */
export class StreamPlaces {
  readonly #readers = new Set<Reader>()

  constructor(
    private readonly max: number,
    private readonly clock: Clock
  ) {}

  get size(): number {
    return this.#readers.size
  }

  /** A place for a stream; undefined if there is none to be had. `drop` is called if it is given to somebody else. */
  take(peer: string, drop: () => void): StreamPlace | undefined {
    if (this.#readers.size >= this.max && !this.#makeRoom(peer)) {
      return undefined
    }
    const reader: Reader = { peer, drop, idleSince: this.clock.monotonic() }
    this.#readers.add(reader)
    return {
      touch: () => {
        reader.idleSince = this.clock.monotonic()
      },
      release: () => {
        this.#readers.delete(reader)
      }
    }
  }

  /** Only asked when all places are taken. */
  #makeRoom(newcomer: string): boolean {
    const counts = new Map<string, number>()
    for (const { peer } of this.#readers) {
      counts.set(peer, (counts.get(peer) ?? 0) + 1)
    }
    const most = Math.max(...counts.values())
    const latest = this.clock.monotonic() - GRACE
    const [victim] = [...this.#readers]
      .filter(({ peer, idleSince }) => counts.get(peer) === most && idleSince <= latest)
      .sort((a, b) => a.idleSince - b.idleSince)
    if (victim == null || (most > 1 && counts.get(newcomer) === most && victim.peer !== newcomer)) {
      return false
    }
    this.#readers.delete(victim)
    victim.drop()
    return true
  }
}
