/**
 * Below this a peer has earned it: only misbehaviour takes a score below that of a newcomer, 50, and 50 penalty points are a
 * ban; this is half of the way.
 */
export const LOW_SCORE = 25
