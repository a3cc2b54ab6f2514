import type { NodeStats } from '@penin/node'
import { formatBytes } from './format.js'

type MessageNumbers = NodeStats['messages']

/** The rows of `penin stats` about messages: what went out and came in, what did not get there, and how long it took. */
export function messageRows({ broadcast, ...direct }: MessageNumbers): Array<[string, string]> {
  return [
    [
      'messages',
      `${direct.sent} out (${formatBytes(direct.sentBytes)}), ${direct.received} in (${formatBytes(direct.receivedBytes)}); ` +
        `${direct.delivered} of ours were taken, ${direct.taken} of others`
    ],
    ['waiting', `${direct.queued} queued, ${direct.inFlight} on their way, ${formatBytes(direct.outboxBytes)}`],
    ['troubles', troubles(direct)],
    ['round trip', `p50 ${milliseconds(direct.rtt.p50)}, p99 ${milliseconds(direct.rtt.p99)}`],
    ['broadcast', broadcastText(broadcast)]
  ]
}

function troubles(direct: Omit<MessageNumbers, 'broadcast'>): string {
  const refusals = Object.values(direct.refusals).reduce((sum, count) => sum + count, 0)
  const { retried, expired, refused, failed } = direct
  return (
    Object.entries({ retried, expired, refused, failed, 'of others refused': refusals })
      .filter(([, count]) => count > 0)
      .map(([name, count]) => `${count} ${name}`)
      .join(', ') || 'none'
  )
}

function broadcastText({ running, total, peers, subscriptions }: MessageNumbers['broadcast']): string {
  const dropped = Object.values(total.dropped).reduce((sum, count) => sum + count, 0)
  if (!running && total.published + total.delivered === 0) {
    return 'not used yet'
  }
  return (
    `${total.published} out (${formatBytes(total.publishedBytes)}), ${total.delivered} in (${formatBytes(total.deliveredBytes)}); ` +
    `${total.duplicates} duplicates, ${dropped} dropped; ${peers} peers, topics: ${Object.keys(subscriptions).length}`
  )
}

/** `0.21 ms`, `7.4 ms`, `120 ms`: on one LAN a round trip takes less than one. A dash if there was none. */
function milliseconds(ms: number | undefined): string {
  return ms === undefined ? '-' : `${ms < 100 ? Number(ms.toPrecision(2)) : Math.round(ms)} ms`
}
