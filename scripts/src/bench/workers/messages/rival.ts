/** Who carries the messages. */
export type RivalName = 'ours' | 'stream' | 'stream-each' | 'hyperdht' | 'tcp'

/** The receiver, in a process of its own. */
export interface Receiver {
  /** What the sender has to be told. */
  readonly address: string
}

/** The sender, connected. */
export interface Sender {
  /** Sends `count` messages with as little waiting as there may be; resolves when all were acknowledged. */
  flood(payload: Uint8Array, count: number): Promise<void>
  /** Sends one message; resolves when it was acknowledged, or has come back from whoever has no acknowledgements. */
  once(payload: Uint8Array): Promise<void>
}

/** What each rival's module exports. */
export interface Rival {
  receive(): Promise<Receiver>
  connect(address: string): Promise<Sender>
}
