/** What to do when there is nobody. */
export const BOOTSTRAP_HINT = 'start another node on this network, or name one with --bootstrap'
