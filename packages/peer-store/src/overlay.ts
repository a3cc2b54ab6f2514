import type { Key } from 'interface-datastore'

/**
 * One change of one record. `bytes` is there for a key that is no valid UTF-8: in its text the invalid parts are U+FFFD,
 * so only by its bytes can it be deleted.
 */
export type WriteOp = { type: 'put'; key: string; value: Uint8Array } | { type: 'del'; key: string; bytes?: Uint8Array }

/** What invalid UTF-8 becomes in text. */
const REPLACEMENT = '\uFFFD'

/** Whether a key's text may be another key's as well. */
export function isInexact(text: string): boolean {
  return text.includes(REPLACEMENT)
}

/** The deletion of a record, whatever its key is made of. */
export function deletion(key: Key): WriteOp {
  const text = key.toString()
  return isInexact(text) ? { type: 'del', key: text, bytes: key.uint8Array() } : { type: 'del', key: text }
}

/** How much an {@link Overlay} may hold. */
export interface OverlayLimits {
  /** Records. @default 1000 */
  maxKeys?: number
  /** Bytes of keys (in UTF-16 code units) and values. @default 4194304 (4 MiB) */
  maxBytes?: number
}

/** Two minutes' worth of a busy node's peer records; the design keeps at most 1000 connections' worth anyway. */
export const OVERLAY_MAX_KEYS = 1000

/** A record of libp2p is 0.5 to 2 KiB, so 1000 of them fit with room to spare. */
export const OVERLAY_MAX_BYTES = 4 * 1024 * 1024

/**
 * Changes that could not be written to the disk, the latest for each key, oldest first. It is bounded: when it is full
 * the oldest change goes, and is counted.
 */
export class Overlay {
  /** Changes that were crowded out so far. */
  dropped = 0
  #bytes = 0
  readonly #changes = new Map<string, WriteOp>()
  readonly #maxKeys: number
  readonly #maxBytes: number

  constructor(limits: OverlayLimits = {}) {
    this.#maxKeys = limits.maxKeys ?? OVERLAY_MAX_KEYS
    this.#maxBytes = limits.maxBytes ?? OVERLAY_MAX_BYTES
  }

  /** Records held. */
  get size(): number {
    return this.#changes.size
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#bytes
  }

  /** The latest change of `key`, if it is held. */
  get(key: string): WriteOp | undefined {
    return this.#changes.get(key)
  }

  /** Every change held, oldest first. */
  changes(): WriteOp[] {
    return [...this.#changes.values()]
  }

  /** Takes changes in, in order. */
  add(ops: Iterable<WriteOp>): void {
    for (const op of ops) {
      this.#remove(op.key)
      this.#changes.set(op.key, op)
      this.#bytes += sizeOf(op)
      for (const oldest of this.#changes.keys()) {
        if (this.#changes.size <= this.#maxKeys && this.#bytes <= this.#maxBytes) break
        this.#remove(oldest)
        this.dropped++
      }
    }
  }

  /** Forgets every change. */
  clear(): void {
    this.#changes.clear()
    this.#bytes = 0
  }

  #remove(key: string): void {
    const old = this.#changes.get(key)
    if (old === undefined) return
    this.#changes.delete(key)
    this.#bytes -= sizeOf(old)
  }
}

function sizeOf(op: WriteOp): number {
  return op.key.length + (op.type === 'put' ? op.value.byteLength : 0)
}
