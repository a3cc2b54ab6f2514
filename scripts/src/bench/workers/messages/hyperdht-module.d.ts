/** What the bench uses of it; it comes without types. */
declare module 'hyperdht' {
  import type { EventEmitter } from 'node:events'

  interface HostPort {
    host: string
    port: number
  }

  interface KeyPair {
    publicKey: Buffer
    secretKey: Buffer
  }

  export interface SecretStream extends EventEmitter<{ open: []; drain: []; data: [Buffer]; error: [Error] }> {
    write(bytes: Uint8Array): boolean
  }

  interface Server extends EventEmitter<{ connection: [SecretStream] }> {
    listen(keys: KeyPair): Promise<void>
  }

  export default class DHT {
    static keyPair(): KeyPair
    constructor(options: { bootstrap: HostPort[]; host: string; ephemeral?: boolean; firewalled?: boolean })
    fullyBootstrapped(): Promise<void>
    address(): HostPort
    createServer(options: { shareLocalAddress: boolean }): Server
    connect(publicKey: Buffer, options: { localConnection: boolean }): SecretStream
  }
}
