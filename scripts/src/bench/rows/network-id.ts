import { randomUUID } from 'node:crypto'

/** A network of its own for one measurement. */
export function networkId(): string {
  return `bench-${randomUUID()}`
}
