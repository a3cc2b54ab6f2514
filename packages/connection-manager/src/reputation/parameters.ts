import type { Tolerance } from '@penin/interface'

/**
 * The numbers of reputation and bans. Weights, the half-life, the ban ladder and the counts of reports are those of the
 * project's design; what each of them would change is said at the number.
 */

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** The score of a peer nobody knows, and of each part without data. */
export const NEUTRAL = 50

/**
 * Shares of the parts; together 1, so that 0 and 100 can both be reached. PAW, whose shape this is, gave useful exchange
 * 0.15 and could never get above 90.
 */
export const WEIGHTS = { uptime: 0.25, messages: 0.3, latency: 0.2, exchange: 0.25 } as const

/** After so many milliseconds without news half of what is known of a peer, good or bad, is forgotten. */
export const HALF_LIFE = DAY

/**
 * A lost connection says that the peer is away, for so long at most: after that nobody knows. Higher would go on to mark
 * down a peer that nobody has tried to reach.
 */
export const AWAY_EVIDENCE = HOUR

/** Weight of one message: about 45 of a kind move the part by 90 % of the way. Higher lets one bad message count more. */
export const MESSAGE_WEIGHT = 0.05

/** Weight of one measured round trip: about ten of a kind move the part by 90 %; one late answer moves it by a fifth. */
export const LATENCY_WEIGHT = 0.2

/** Weight of one exchange: about 22 of a kind move the part by 90 %. */
export const EXCHANGE_WEIGHT = 0.1

/** The round trip, in milliseconds, that is worth as much as none: that of a geostationary satellite, and PAW's first bend. */
export const NEUTRAL_LATENCY = 500

/** Penalty points of a report, by tolerance: 50 divided by the number of reports that lead to a ban. */
export const POINTS: Readonly<Record<Tolerance, number>> = { fatal: 50, low: 10, mid: 5, high: 1 }

/**
 * Points (strikes) that lead to a ban. Half a point below 50: the first reports decay a little while the later ones come,
 * and without this slack the tenth `mid` report would only ban if all came within the same millisecond. With it the
 * counts 1, 5, 10 and 50 hold exactly for reports that come within 40 minutes.
 */
export const BAN_LINE = 49.5

/** More points than this are not counted against a peer: its score is 0 from 100 on whatever else it does. */
export const MAX_PENALTY = 100

/** Health of a peer nobody has dialled, in tenths; see {@link nextHealth}. */
export const HEALTH_START = 5

/** The first automatic ban; each further one is twice as long ... */
export const FIRST_BAN = HOUR

/** ... but no longer than this. */
export const LONGEST_BAN = 7 * DAY

/** This many automatic bans of a peer within {@link PERMANENT_WINDOW}, and the last of them has no end. */
export const PERMANENT_AFTER = 3

/** In milliseconds. */
export const PERMANENT_WINDOW = 30 * DAY

/**
 * So long after its last ban began a peer starts over with the shortest. Three windows: one that is banned again just
 * outside of the 30 days each time still gets longer bans.
 */
export const BAN_MEMORY = 90 * DAY

/** Ban records of peers, over or not; as many as the address book keeps. See {@link BanList} for who goes. */
export const MAX_BANS = 4096

/** Ban records of IP groups. */
export const MAX_GROUP_BANS = 1024

/** An IP group is banned when so many of its ids were banned within {@link GROUP_WINDOW} ... */
export const GROUP_BAN_IDS = 5

/** ... they outnumber the ids of the group that are in order so many times ... */
export const GROUP_BAN_RATIO = 3

/** ... and it has fewer veterans than this: several honest nodes behind one address are never shut out together. */
export const GROUP_VETERANS = 3

/** A peer without penalty that has been known for so long is a veteran. */
export const VETERAN_AGE = HOUR

/** In milliseconds; what happened in a group earlier is not counted. */
export const GROUP_WINDOW = DAY

/** Peers that are remembered; see {@link chooseForgotten} for who goes. */
export const MAX_PEERS = 4096

/** Changes that are remembered of each peer. */
export const MAX_HISTORY = 16

/** A change of the score through observations is put down once it is so large. PAW's snapshots had the same step. */
export const HISTORY_STEP = 5

/** Observations are written to the disk when they have moved the score by so much, or every message would be a write. */
export const SAVE_STEP = 1

/** Fewer points than this are as good as none. */
export const TRIFLE = 0.5

/** A score this near to the newcomer's says nothing worth keeping. */
export const FRESH = 1

/** Fresh peers that are forgotten at once, so that a flood of ids does not cost a search each. */
export const FORGET_BATCH = 64

/** Of peers that are not fresh this share is forgotten at once: 32 of 2048. */
export const FORGET_SHARE = 1 / 64

/** Ends of bans are looked for so often, for the event; whether somebody is banned is always exact. */
export const SWEEP_INTERVAL = MINUTE

/** Changes are written after so many milliseconds: half of the second that a crash may cost, for writing takes time too. */
export const FLUSH_DELAY = 500

/** Characters of a reason or of the name of who banned. */
export const MAX_TEXT = 200

/** Peers that may be trusted; they are never forgotten. */
export const MAX_TRUSTED = 1024
