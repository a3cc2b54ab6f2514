import { CAPABILITY_KINDS, type Capabilities } from '@penin/hello'

/** Peers that offer something are wanted. */
export interface PeerWish {
  /** What kind of capability. */
  kind: keyof Capabilities
  /** Which one; anything of the kind unless given. */
  name?: string
  /** So many such peers. */
  peers: number
}

/** A kind, perhaps a name, perhaps a number of peers; the name may contain `:` and `=`. */
const WISH_PATTERN = new RegExp(`^(${CAPABILITY_KINDS.join('|')})(?::(.+?))?(?:=([0-9]{1,3}))?$`)

/** Peers of one wish, at most. */
export const MAX_WISHED_PEERS = 256

/** What a wish looks like, for those who have written another. */
export const WISH_EXPECTED = `${CAPABILITY_KINDS.join(', ')}, with :name and =peers (1 to ${MAX_WISHED_PEERS}) if wanted, such as resources:cpu=2`

/** Reads a wish as it stands in the environment or on a command line: `resources:cpu=2`. Undefined if it is none. */
export function parseWish(text: string): PeerWish | undefined {
  const [, kind, name, digits = '1'] = WISH_PATTERN.exec(text) ?? []
  const peers = Number(digits)
  return kind == null || peers < 1 || peers > MAX_WISHED_PEERS
    ? undefined
    : { kind: kind as PeerWish['kind'], ...(name == null ? {} : { name }), peers }
}
