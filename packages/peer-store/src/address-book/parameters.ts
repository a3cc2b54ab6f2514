/**
 * The numbers of the address book. Most follow Bitcoin Core's addrman (src/addrman_impl.h), scaled to a quarter: this
 * network's books are smaller. Together they bound the book at 20,480 entries.
 */

/** Buckets of peers nobody has reached yet. Core: 1024. */
export const NEW_BUCKETS = 256

/** Buckets of peers that we have reached. Core: 256. */
export const TRIED_BUCKETS = 64

/** Places in one bucket. Core: 64. Lowered when `maxSize` is. */
export const BUCKET_SIZE = 64

/** Entries a book can hold with {@link BUCKET_SIZE} places a bucket. */
export const DEFAULT_MAX_SIZE = (NEW_BUCKETS + TRIED_BUCKETS) * BUCKET_SIZE

/** One source group reaches so many of the new buckets: 6.25 %, as in Core (64 of 1024). */
export const NEW_BUCKETS_PER_SOURCE = 16

/**
 * Buckets that an entry may go to for one source group while the book is nearly empty: the first that has room for it.
 * Core: 1, always.
 */
export const NEW_CHOICES = 3

/** Up to this share of its new places a book counts as nearly empty: as many as one source group can fill. */
export const ROOMY_SHARE = NEW_BUCKETS_PER_SOURCE / NEW_BUCKETS

/** One address group reaches so many of the tried buckets: 6.25 %; Core: 8 of 256. */
export const TRIED_BUCKETS_PER_GROUP = 4

/** One entry stands in at most so many new buckets, each more with a chance of 1/2^n. Core: 8 of four times as many. */
export const MAX_NEW_PLACES = 4

/** Peer ids for one public IPv4 address or one public IPv6 /64: ids are free, addresses are not. */
export const MAX_IDS_PER_HOST = 4

/** Addresses of one peer that are kept. */
export const MAX_ADDRESSES = 8

/** Addresses of one candidate that are looked at; a program that offers more is not worth the time. */
export const MAX_OFFERED = 64

/** A signed peer record is kept for others up to so many bytes; 8 addresses take about 700. */
export const MAX_RECORD_BYTES = 2048

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Nobody has heard of the peer for so long: terrible. Core: ADDRMAN_HORIZON. */
export const HORIZON = 30 * DAY

/** Heard of in the future by more than this: terrible. */
export const FUTURE = 10 * MINUTE

/** Failures without any success ever: terrible. Core: ADDRMAN_RETRIES. */
export const NEVER_GOOD_FAILURES = 3

/** Failures since the last success, when that was more than {@link FAILING_AFTER} ago: terrible. Core: ADDRMAN_MAX_FAILURES. */
export const MAX_FAILURES = 10

/** Core: ADDRMAN_MIN_FAIL. */
export const FAILING_AFTER = 7 * DAY

/** A peer that was tried within this minute is not terrible: the answer may be on its way. Core has the same rule. */
export const JUST_TRIED = MINUTE

/** Tests of incumbents under way at most. Core: ADDRMAN_SET_TRIED_COLLISION_SIZE. */
export const MAX_PENDING_TESTS = 10

/** A test that nobody has made by then is dropped. Core: ADDRMAN_TEST_WINDOW. */
export const TEST_WINDOW = 40 * MINUTE

/** An incumbent that was reached within this time needs no test. Core: ADDRMAN_REPLACEMENT_HOURS. */
export const IMMUNITY = 4 * HOUR

/** The share of picks that come from the tried table while both have something to offer. */
export const TRIED_SHARE = 0.85

/** Each failure in a row makes a peer this much less likely to be picked, up to {@link COUNTED_FAILURES}. Core has the same. */
export const FAILURE_WEIGHT = 0.66

/** Failures that weigh. */
export const COUNTED_FAILURES = 8

/** A peer that was tried within {@link RECENT_ATTEMPT} is this much less likely to be picked. Core has the same. */
export const RECENT_WEIGHT = 0.01

/** In milliseconds. */
export const RECENT_ATTEMPT = 10 * MINUTE

/** Random places looked at for one pick. After 43 the patience factor takes even the least likely entry. */
export const MAX_PROBES = 64

/** After each entry that was passed over the next is so much likelier to be taken. Core has the same. */
export const PATIENCE = 1.2

/** Up to so many entries a pick weighs them all: probing at random would miss some. */
export const SMALL_BOOK = 64

/** Peers that are dialled first after a restart. Core: MAX_BLOCK_RELAY_ONLY_ANCHORS. */
export const MAX_ANCHORS = 2

/** Bans that are remembered; beyond, the one that would end soonest goes. */
export const MAX_BANS = 4096

/** Peers that the program may mark (persistent, private, unconditional). */
export const MAX_MARKS = 1024

/** An exchange gives at most so many peers away ... */
export const MAX_EXCHANGE = 64

/** ... and no more than this share of the book, as in Core, ... */
export const EXCHANGE_SHARE = 0.23

/** ... but that share is never less than so many, or a small network would not form. */
export const MIN_EXCHANGE = 16

/** `lastSeen` moves in steps of this, or every ping would be a write to the disk. Core: 20 minutes. */
export const SEEN_STEP = 20 * MINUTE

/** Own addresses that are recognised. */
export const MAX_OWN_ADDRESSES = 64

/** Places looked at by one call of `expire`: 20 calls go through the whole book. */
export const EXPIRE_STEP = 1024

/** Characters of a group; the longest is that of a DNS name. */
export const MAX_GROUP = 260

/** Sequence numbers of signed peer records are unsigned 64-bit integers. */
export const MAX_SEQ = 2n ** 64n - 1n
