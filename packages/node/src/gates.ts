import type { PeerId } from '@libp2p/interface'
import {
  Admission,
  geoLimits,
  InboundSubnets,
  type EvictionCandidate,
  type GeoLimits,
  type Refusal,
  type Reputation,
  type TrafficMeter,
  type TrimmerInit
} from '@penin/connection-manager'
import type { Clock, Rng } from '@penin/interface'
import type { AddressBook } from '@penin/peer-store'
import type { NodeConfig } from './config/defaults.js'
import type { MessageWatch } from './message-watch.js'
import { connectionLimits, type NodeServices } from './libp2p.js'

/** What decides who gets in and who has to go. */
export interface GateParts {
  config: NodeConfig
  book: AddressBook
  reputation: Reputation
  geo: GeoLimits | undefined
  /** The services of the running node; undefined before it is built. */
  services: () => NodeServices | undefined
  messageWatch: Pick<MessageWatch, 'look'>
  onRefusal: (refusal: Refusal) => void
  onPromoted: (id: PeerId) => void
  traffic: TrafficMeter
  clock: Clock
  rng: Rng
}

/**
 * Limits by country and network, if the configuration has any.
 *
 * @throws GeoDatabaseError, InvalidArgumentError
 */
export async function openGeoLimits({ connections }: Pick<NodeConfig, 'connections'>): Promise<GeoLimits | undefined> {
  return connections.geo == null ? undefined : geoLimits(connections.geo)
}

/** The connection gater of a node. */
export function nodeAdmission(parts: GateParts): Admission {
  const { config, book, reputation, geo, services, onRefusal, onPromoted, traffic, clock } = parts
  const { inboundBurst, inboundPerSecond, overflow, maxPerSubnet } = config.connections
  return new Admission({
    limits: connectionLimits(config),
    overflow,
    inboundRate: { burst: inboundBurst, perSecond: inboundPerSecond },
    bans: reputation,
    subnets: new InboundSubnets({ maxPerSubnet }),
    geo,
    isUnconditional: (id) => book.marks(id).unconditional === true,
    isExempt: (id, direction) => {
      const keeper = services()?.keeper
      // Asked for: outbound only. While the program dials an address without an id, whoever comes in could be meant.
      return keeper?.persistenceOf(id) != null || (direction === 'outbound' && keeper?.isBeyondLimits(id) === true)
    },
    makeRoom: async (newcomer) => services()?.trimmer.makeRoom(newcomer) ?? false,
    onRefusal,
    onPromoted,
    traffic,
    clock
  })
}

/** What lets surplus peers go, those that `admission` let in for a short while among them, and makes room for others. */
export function trimmerInit(parts: GateParts, admission?: Pick<Admission, 'surplusOf'>): TrimmerInit {
  const { config, reputation, services, messageWatch, clock, rng } = parts
  return {
    limits: connectionLimits(config),
    target: config.connections.max,
    release: (id) => {
      services()?.keeper.release(id)
    },
    exemption: (id) => exemptionOf(id, parts),
    isBusy: (id) => {
      const keeper = services()?.keeper
      return keeper?.isAskedFor(id) === true || keeper?.isWished(id) === true
    },
    isPassing: (connection) => admission?.surplusOf(connection) != null,
    score: (id) => reputation.score(id),
    lastMessageAt: (id) => messageWatch.look(id).takenAt,
    lastUsefulAt: (id) => messageWatch.look(id).usefulAt,
    clock,
    rng
  }
}

function exemptionOf(id: PeerId, { book, reputation, services }: GateParts): EvictionCandidate['exempt'] {
  if (book.marks(id).unconditional === true) {
    return 'unconditional'
  }
  if (services()?.keeper.persistenceOf(id) != null) {
    return 'persistent'
  }
  return reputation.isTrusted(id) ? 'trusted' : undefined
}
