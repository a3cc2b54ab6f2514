import { InvalidArgumentError, printable } from '@penin/interface'

/** Characters of a topic's name: long enough for a path of names, short enough for 64 of them for each of 100 peers. */
const MAX_TOPIC_CHARS = 64

const TOPIC = /^[A-Za-z0-9][A-Za-z0-9._:/-]*$/
const NETWORK_ID = /^[A-Za-z0-9._-]{1,64}$/

/** Names of topics as programs say them, and as they are on the wire: `/penin/<network>/<topic>`. */
export class TopicNames {
  readonly prefix: string

  /** Characters of the longest name on the wire. */
  readonly maxLength: number

  /** @throws InvalidArgumentError */
  constructor(networkId: string) {
    // The network's name has no slash, so no topic of one network can look like one of another.
    if (!NETWORK_ID.test(networkId)) {
      throw new InvalidArgumentError('networkId', printable(networkId), '1 to 64 characters of A-Z a-z 0-9 . _ -')
    }
    this.prefix = `/penin/${networkId}/`
    this.maxLength = this.prefix.length + MAX_TOPIC_CHARS
  }

  /** @throws InvalidArgumentError */
  toWire(topic: string): string {
    if (!isTopic(topic)) {
      const expected = `1 to ${MAX_TOPIC_CHARS} characters of A-Z a-z 0-9 . _ : / -, the first a letter or a digit`
      throw new InvalidArgumentError('topic', printable(topic), expected)
    }
    return this.prefix + topic
  }

  /** Undefined if it is not a topic of this network. */
  fromWire(topic: string | undefined): string | undefined {
    if (topic === undefined || topic.length > this.maxLength || !topic.startsWith(this.prefix)) {
      return undefined
    }
    const name = topic.slice(this.prefix.length)
    return isTopic(name) ? name : undefined
  }
}

function isTopic(name: string): boolean {
  return name.length <= MAX_TOPIC_CHARS && TOPIC.test(name)
}
