/** The digits of base58, in which peer ids are written. */
const DIGITS = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

/** The first /16 that is used: 11.0.0.0. Everything up to 95.255.0.0 is public. */
const FIRST_OCTET = 11

/** How many /16 there are to choose from. */
export const GROUPS = 85 * 256

/** The id of the n-th peer: text that looks like one, without a key behind it. */
export function idOf(n: number): string {
  let tail = ''
  for (let rest = n; tail.length < 8; rest = Math.floor(rest / 58)) {
    tail = `${DIGITS[rest % 58] ?? ''}${tail}`
  }
  return `12D3KooW${'x'.repeat(36)}${tail}`
}

/** The n-th /16, as the address book writes it. */
export function groupName(n: number): string {
  return `${FIRST_OCTET + Math.floor(n / 256)}.${n % 256}`
}

/** The n-th host of a /16, at an address of its own. */
export function addressIn(group: number, host: number): string {
  return `/ip4/${groupName(group)}.${Math.floor(host / 254) % 256}.${1 + (host % 254)}/tcp/4001`
}
