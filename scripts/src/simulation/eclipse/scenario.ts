/** Against whom, and with what, a node stands. */
export interface Defences {
  /** Only a peer that this node has dialled itself counts as reached; without, one that dials in does too. */
  outboundOnly: boolean
  /** A tried peer is dialled before it loses its place; without, it loses its place at once. */
  testBeforeEvict: boolean
  /** Every 2 minutes a new peer is dialled to see whether it answers. */
  feelers: boolean
  /** One outbound connection for each /16, as long as other groups have candidates. */
  onePerGroup: boolean
  /** The two oldest outbound connections are dialled first after a restart. */
  anchors: boolean
}

/** Who attacks. */
export interface Attacker {
  /** The /16 in which the attacker has addresses. */
  groups: number
  /** Addresses in each of them, one identity at each. */
  perGroup: number
  /** Days from the beginning of the attack to the victim's restart. */
  days: number
}

/** The attackers of the table. */
export const ATTACKERS: readonly Attacker[] = [
  { groups: 32, perGroup: 256, days: 7 },
  { groups: 256, perGroup: 64, days: 1 },
  { groups: 256, perGroup: 64, days: 7 }
]

/** Shares for which q^8 is known: by Heilman and others (2015) 0.917 eclipses in half of all restarts, 0.9869 in 90 %. */
export const SHARES: readonly number[] = [0.5, 0.8, 0.917, 0.9869]

/** The world around the victim; what the table in `docs/THREAT_MODEL.md` was made with is {@link WORLD}. */
export interface World {
  /** Honest peers the victim knows, each in a /16 of its own choosing. */
  honest: number
  /** The share of them that has left for good when the attack begins. */
  gone: number
  /** How likely one that has stayed answers. */
  answers: number
  /** Days that the victim runs before the attack. */
  peace: number
  /** Hours after which one outbound connection is lost and replaced. */
  churn: number
  /** Outbound connections. */
  outbound: number
}

/** See {@link World}. */
export const WORLD: World = {
  honest: 2000,
  gone: 0.5,
  answers: 0.95,
  peace: 7,
  churn: 6,
  outbound: 8
}

/** No defence at all: what Bitcoin's nodes had when Heilman and others described the attack. */
export const NONE: Defences = {
  outboundOnly: false,
  testBeforeEvict: false,
  feelers: false,
  onePerGroup: false,
  anchors: false
}

/** Everything. */
export const ALL: Defences = {
  outboundOnly: true,
  testBeforeEvict: true,
  feelers: true,
  onePerGroup: true,
  anchors: true
}

/** The defences by name. */
export const DEFENCES: Readonly<Record<keyof Defences, string>> = {
  outboundOnly: 'only dialled peers are tried',
  testBeforeEvict: 'test before evict',
  feelers: 'feelers',
  onePerGroup: 'one per /16',
  anchors: 'anchors'
}

/** In which order the table adds them. */
export const CUMULATIVE: ReadonlyArray<keyof Defences> = [
  'testBeforeEvict',
  'outboundOnly',
  'feelers',
  'onePerGroup',
  'anchors'
]
