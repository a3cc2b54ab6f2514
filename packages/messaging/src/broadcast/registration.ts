import type { StreamHandler, Topology } from '@libp2p/interface'
import type { Registrar } from '@libp2p/interface-internal'
import type { BroadcastRegistrar } from './router.js'

/** Newest first; GossipSub says the same ones. */
export const PROTOCOLS = ['/meshsub/1.2.0', '/meshsub/1.1.0', '/meshsub/1.0.0'] as const

/** What libp2p calls in GossipSub's place. */
interface Ears {
  onInbound: StreamHandler
  onConnect: NonNullable<Topology['onConnect']>
  onDisconnect: NonNullable<Topology['onDisconnect']>
}

/** What GossipSub takes for libp2p's registrar: what it registers, and what is registered with libp2p in its place. */
export class Registration {
  /** GossipSub's own. */
  topology: Topology | undefined
  /** GossipSub's own. */
  handler: StreamHandler | undefined
  readonly #protocols = new Set<string>()
  readonly #topologies = new Set<string>()

  constructor(
    private readonly registrar: BroadcastRegistrar,
    private readonly ears: Ears
  ) {}

  get face(): Registrar {
    const { onInbound, ...topologyOfOurs } = this.ears
    const own: Omit<BroadcastRegistrar, 'getProtocols'> = {
      handle: async (protocol, handler, options) => {
        this.handler = handler
        if (!this.registrar.getProtocols().includes(protocol)) {
          this.#protocols.add(protocol) // otherwise it is somebody else's, and this will be refused
        }
        await this.registrar.handle(protocol, onInbound, options)
      },
      unhandle: async (protocol) => this.#unhandle(protocol),
      register: async (protocol, topology) => {
        this.topology = topology
        const id = await this.registrar.register(protocol, topologyOfOurs)
        this.#topologies.add(id)
        return id
      },
      unregister: (id) => {
        this.#unregister(id)
      }
    }
    return own as Registrar
  }

  /** Takes everything back, where GossipSub has failed to start and does not do so. */
  async revoke(): Promise<void> {
    for (const id of this.#topologies) {
      this.#unregister(id)
    }
    await Promise.all([...this.#protocols].map(async (protocol) => this.#unhandle(protocol)))
  }

  /**
   * libp2p remembers across a crash what a node speaks, and tells whoever connects. To be called by one that does not
   * speak GossipSub yet.
   */
  async disclaim(): Promise<void> {
    const [protocol] = PROTOCOLS
    if (!this.registrar.getProtocols().includes(protocol)) {
      await this.registrar.unhandle(protocol) // puts down what else is spoken, and only that
    }
  }

  async #unhandle(protocol: string): Promise<void> {
    this.#protocols.delete(protocol)
    await this.registrar.unhandle(protocol)
  }

  #unregister(id: string): void {
    this.#topologies.delete(id)
    this.registrar.unregister(id)
  }
}
