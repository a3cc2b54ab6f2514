import { printable } from '@penin/interface'

/** The end of an id, which tells peers apart: all Ed25519 ids begin alike. */
export function shortId(id: string): string {
  return id.length <= 12 ? printable(id) : `…${printable(id.slice(-8))}`
}

/** `812 B`, `1.4 kB`, `23 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 || value >= 9.95 ? Math.round(value) : value.toFixed(1)} ${units[unit] ?? ''}`
}

/** `12 s`, `3 min`, `2 h 5 min`, `4 d 2 h`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  const days = Math.floor(hours / 24)
  if (days > 0) {
    return `${days} d ${hours % 24} h`
  }
  if (hours > 0) {
    return `${hours} h ${minutes % 60} min`
  }
  return minutes > 0 ? `${minutes} min` : `${seconds} s`
}

/** `7 ms`; a dash if nothing was measured yet. */
export function formatRtt(rtt: number | undefined): string {
  return rtt == null ? '-' : `${Math.round(rtt)} ms`
}

/** At most `width` characters; what is cut ends in an ellipsis. */
export function cut(text: string, width: number): string {
  const characters = [...text]
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`
}
