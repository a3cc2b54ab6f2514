import { planOutbound, PROFILE_LIMITS, type OutboundPeer } from '@penin/connection-manager'
import type { Rng } from '@penin/interface'
import type { AddressBook, BookEntry } from '@penin/peer-store'

/** Candidates for each place, as `planOutbound` wants them. */
const CANDIDATES = 4

/** How often candidates are asked for before the rest of the places stays empty. */
const ATTEMPTS = 64

/** What filling outbound places depends on. */
export interface OutboundInit {
  book: AddressBook
  rng: Rng
  /** Places to fill. */
  count: number
  /** Peers that are not asked for: those connected, and this node's backoffs. */
  exclude: ReadonlySet<string>
  /** The outbound connections there are. */
  connected: ReadonlyArray<Pick<BookEntry, 'id' | 'group'>>
  /** Whether the connection manager chooses, one of each group first; otherwise the book's choice is taken as it is. */
  onePerGroup: boolean
  /** @default 64 */
  attempts?: number
  /** Dials; true if there is a connection now. */
  dial: (peer: BookEntry) => boolean
}

/** Fills outbound places with peers that the book and the connection manager choose and that answer. */
export function fillOutbound(init: OutboundInit): BookEntry[] {
  const { book, count, attempts = ATTEMPTS, dial } = init
  const exclude = new Set(init.exclude)
  const added: BookEntry[] = []
  for (let attempt = 0; attempt < attempts && added.length < count; attempt++) {
    const missing = count - added.length
    const candidates = book.select({ count: init.onePerGroup ? CANDIDATES * missing : missing, exclude })
    const planned = init.onePerGroup ? plan(init, candidates, added, missing) : candidates
    if (planned.length === 0) {
      break
    }
    for (const peer of planned.slice(0, missing)) {
      exclude.add(peer.id)
      if (dial(peer)) {
        added.push(peer)
      }
    }
  }
  return added
}

/** Whom the connection manager would dial. */
function plan(
  { connected, rng }: OutboundInit,
  candidates: BookEntry[],
  added: BookEntry[],
  missing: number
): BookEntry[] {
  const byId = new Map(candidates.map((peer) => [peer.id, peer]))
  const outbound = [...connected, ...added].map(({ id, group }): OutboundPeer => {
    return { id, group, scope: 'public', connectedAt: 0 }
  })
  const planned = planOutbound(
    {
      candidates: candidates.map(({ id, group, table }) => {
        return { id, group, scope: 'public', origin: table === 'tried' ? 'tried' : 'new' }
      }),
      outbound,
      dialling: [],
      counts: { inbound: 0, outbound: outbound.length },
      limits: PROFILE_LIMITS.standard,
      target: outbound.length + missing,
      maxParallel: missing
    },
    rng
  )
  return planned.flatMap(({ dial }) => byId.get(dial) ?? [])
}
