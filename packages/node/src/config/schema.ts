import { CAPABILITY_KINDS, NETWORK_ID_PATTERN, MAX_CAPABILITIES, MAX_CAPABILITY_BYTES } from '@penin/hello'
import { multiaddr } from '@multiformats/multiaddr'
import { z } from 'zod'
import { MAX_WISHED_PEERS, parseWish, WISH_EXPECTED } from './wish.js'

/** Extra facts about a setting, for the environment reader and the README's table. */
declare module 'zod' {
  interface GlobalMeta {
    /** Environment variables, the preferred one first. */
    env?: readonly string[]
    /** Variables of the predecessors that give the value in seconds. */
    envSeconds?: readonly string[]
    /** The command-line flag of `penin start` and `penin-bootstrap`. */
    flag?: string
  }
}

const ms = (min: number, max: number): z.ZodNumber =>
  z
    .number({ error: `a number of milliseconds, ${min} to ${max}` })
    .min(min, range(min, max))
    .max(max, range(min, max))
const range = (min: number, max: number): string => `a number of milliseconds, ${min} to ${max}`
const count = (min: number, max: number): z.ZodNumber => {
  const expected = `a whole number, ${min} to ${max}`
  return z.number({ error: expected }).int(expected).min(min, expected).max(max, expected)
}
const flag = (): z.ZodBoolean => z.boolean({ error: 'true or false' })
const texts = (what: string): z.ZodArray<z.ZodString> =>
  z.array(z.string({ error: what }).max(1024, what), { error: `a list: ${what}` }).max(256, 'at most 256 entries')
const addresses = (what: string): z.ZodArray<z.ZodString> =>
  z
    .array(z.string({ error: what }).max(1024, what).refine(isMultiaddr, what), { error: `a list: ${what}` })
    .max(64, 'at most 64 entries')
const capability = (what: string): z.ZodOptional<z.ZodArray<z.ZodString>> =>
  z
    .array(z.string({ error: 'a string' }).max(MAX_CAPABILITY_BYTES, `at most ${MAX_CAPABILITY_BYTES} bytes`), {
      error: 'a list of strings'
    })
    .max(MAX_CAPABILITIES, `at most ${MAX_CAPABILITIES} entries`)
    .optional()
    .describe(what)

const bandwidth = (
  whom: string
): z.ZodObject<{
  bytesPerSecond: z.ZodOptional<z.ZodNumber>
  messagesPerSecond: z.ZodOptional<z.ZodNumber>
}> =>
  z.strictObject({
    bytesPerSecond: count(1, 1_000_000_000_000).optional().describe(`Bytes of messages a second, each way, ${whom}`),
    messagesPerSecond: count(1, 1_000_000_000).optional().describe(`Messages a second, each way, ${whom}`)
  })

function isMultiaddr(text: string): boolean {
  try {
    return multiaddr(text).getComponents().length > 0
  } catch {
    return false
  }
}

/** How far a node reaches out: `minimal` 4 to 8 peers, `standard` 16 to 32, `bridge` 64 to 128 and made for being found. */
export const PROFILES = ['minimal', 'standard', 'bridge'] as const

/** See {@link PROFILES}. */
export type Profile = (typeof PROFILES)[number]

const listenMultiaddrs = 'multiaddrs such as /ip4/0.0.0.0/tcp/4001'
const announceMultiaddrs = 'multiaddrs such as /dns4/node.example.org/tcp/4001'
const peers = 'multiaddrs, ID@host:port or host:port'
const peerIds = 'peer ids such as 12D3KooW…'

const mdnsSchema = z.strictObject(
  {
    enabled: flag()
      .optional()
      .describe('Find peers on the local network by multicast DNS')
      .meta({ env: ['PENIN_MDNS'], flag: '--mdns' }),
    interfaces: texts('interface names or addresses such as eth0 or 127.0.0.1')
      .optional()
      .describe('Only on these interfaces; unless given all that are up, and loopback only where there is no other')
      .meta({ env: ['PENIN_MDNS_INTERFACES'], flag: '--mdns-interface' }),
    interval: ms(1_000, 3_600_000).optional().describe('Time between two questions to the network'),
    serviceTag: z
      .string({ error: 'a DNS service name such as _p2p._udp.local' })
      .regex(/^_[a-z0-9-]{1,15}\._(udp|tcp)\.local$/, 'a DNS service name such as _p2p._udp.local')
      .optional()
      .describe('DNS service name; the default is that of all libp2p nodes')
  },
  { error: 'true, false or an object' }
)

const dhtSchema = z.strictObject(
  {
    enabled: flag()
      .optional()
      .describe('Find peers through a distributed hash table of this network')
      .meta({ env: ['PENIN_DHT'], flag: '--dht' }),
    profile: z
      .enum(['lan', 'public', 'dual'], { error: 'lan, public or dual' })
      .optional()
      .describe(
        'lan: any address, always a server; public: public addresses only, a server once reachable; dual: both, kept apart'
      )
      .meta({ env: ['PENIN_DHT_PROFILE'], flag: '--dht-profile' })
  },
  { error: 'true, false or an object' }
)

const udpSchema = z.strictObject(
  {
    enabled: flag()
      .optional()
      .describe(
        'Find peers on the local network by UDP beacons, which Python PENIN nodes understand; on with legacyState'
      )
      .meta({ env: ['PENIN_UDP'], flag: '--udp' }),
    interfaces: texts('interface names or addresses such as eth0 or 127.0.0.1')
      .optional()
      .describe('Only on these interfaces; unless given all that are up, and loopback only where there is no other')
      .meta({ env: ['PENIN_UDP_INTERFACES'], flag: '--udp-interface' }),
    port: count(1, 65_535)
      .optional()
      .describe('UDP port of the beacons, sent to and listened on')
      .meta({ env: ['PENIN_DISCOVERY_PORT'] }),
    interval: ms(1_000, 3_600_000)
      .optional()
      .describe('Time between two beacons')
      .meta({ envSeconds: ['PENIN_DISCOVERY_INTERVAL'] })
  },
  { error: 'true, false or an object' }
)

const wish = z.union(
  [
    z
      .string({ error: WISH_EXPECTED })
      .max(256, WISH_EXPECTED)
      .refine((text) => parseWish(text) != null, WISH_EXPECTED),
    z.strictObject({
      kind: z.enum(CAPABILITY_KINDS, { error: CAPABILITY_KINDS.join(', ') }),
      name: z
        .string({ error: 'a string' })
        .min(1, 'a name')
        .max(MAX_CAPABILITY_BYTES, `at most ${MAX_CAPABILITY_BYTES} bytes`)
        .optional(),
      peers: count(1, MAX_WISHED_PEERS).optional()
    })
  ],
  { error: WISH_EXPECTED }
)

const onOff = <T extends z.ZodType>(schema: T): z.ZodOptional<z.ZodUnion<readonly [z.ZodBoolean, T]>> =>
  z.union([z.boolean(), schema], { error: 'true, false or an object' }).optional()

/**
 * Every setting that can stand in code, a config file, the environment or on the command line. All are optional; what is
 * absent comes from the profile. Durations are milliseconds.
 */
export const configSchema = z.strictObject({
  networkId: z
    .string({ error: '1 to 64 characters of A-Z a-z 0-9 . _ -' })
    .regex(NETWORK_ID_PATTERN, '1 to 64 characters of A-Z a-z 0-9 . _ -')
    .optional()
    .describe('Separates networks: only nodes with the same id become peers')
    .meta({ env: ['PENIN_NETWORK_ID'], flag: '--network-id' }),
  profile: z
    .enum(PROFILES, { error: 'minimal, standard or bridge' })
    .optional()
    .describe('How many peers: minimal 4 to 8, standard 16 to 32, bridge 64 to 128')
    .meta({ env: ['PENIN_PROFILE'], flag: '--profile' }),
  listen: addresses(listenMultiaddrs)
    .optional()
    .describe('Where to listen; port 0 picks a free one and keeps it over restarts if there is a data directory')
    .meta({ env: ['PENIN_LISTEN'], flag: '--listen' }),
  announce: addresses(announceMultiaddrs)
    .optional()
    .describe('What to tell others instead of the addresses listened on, for instance behind a port forwarding')
    .meta({ env: ['PENIN_ANNOUNCE'], flag: '--announce' }),
  dataDir: z
    .string({ error: 'a path' })
    .min(1, 'a path')
    .optional()
    .describe('Where identity and peers are kept; in memory only unless given')
    .meta({ env: ['PENIN_DATA_DIR'], flag: '--data-dir' }),
  bootstrap: texts(peers)
    .optional()
    .describe('Nodes to find the network through; redialled for ever')
    .meta({ env: ['PENIN_BOOTSTRAP'], flag: '--bootstrap' }),
  seeds: texts(peers)
    .optional()
    .describe('Nodes that are asked for peers while peers are missing, and then let go')
    .meta({ env: ['PENIN_SEEDS'], flag: '--seed' }),
  persistentPeers: texts(peers)
    .optional()
    .describe('Peers to stay connected to; redialled for ever')
    .meta({ env: ['PENIN_PERSISTENT_PEERS'], flag: '--persistent-peer' }),
  unconditionalPeers: texts(peerIds)
    .optional()
    .describe('Peers to which no limit applies, by id')
    .meta({ env: ['PENIN_UNCONDITIONAL_PEERS'], flag: '--unconditional-peer' }),
  privatePeers: texts(peerIds)
    .optional()
    .describe('Peers of which nobody else is ever told, by id')
    .meta({ env: ['PENIN_PRIVATE_PEERS'], flag: '--private-peer' }),
  maxKnownPeers: count(1, 20_480)
    .optional()
    .describe('Peers in the address book, at most')
    .meta({ env: ['PENIN_MAX_KNOWN_PEERS'] }),
  foreignPeers: z
    .enum(['refuse', 'dht', 'allow'], { error: 'refuse, dht or allow' })
    .optional()
    .describe(
      'libp2p peers that do not speak our hello: refused, kept if they serve our DHT, or all kept. They never count as peers'
    )
    .meta({ env: ['PENIN_FOREIGN_PEERS'], flag: '--foreign-peers' }),
  capabilities: z
    .strictObject({
      agents: capability('Agents this node offers'),
      tools: capability('Tools this node offers'),
      resources: capability('Resources this node offers'),
      prompts: capability('Prompts this node offers')
    })
    .optional(),
  discovery: z
    .strictObject({
      mdns: onOff(mdnsSchema),
      bootstrap: z
        .boolean({ error: 'true or false' })
        .optional()
        .describe('Use the bootstrap list')
        .meta({ env: ['PENIN_BOOTSTRAP_ENABLED'] }),
      pex: z
        .boolean({ error: 'true or false' })
        .optional()
        .describe('Ask connected peers for others, and tell them of others')
        .meta({ env: ['PENIN_PEX'], flag: '--pex' }),
      dht: onOff(dhtSchema),
      udpBroadcast: onOff(udpSchema)
    })
    .optional(),
  connections: z
    .strictObject({
      target: count(0, 10_000)
        .optional()
        .describe('How many peers to keep up')
        .meta({ env: ['PENIN_TARGET_PEERS'], flag: '--target' }),
      max: count(1, 20_000)
        .optional()
        .describe('Connections in both directions, at most')
        .meta({ env: ['PENIN_MAX_CONNECTIONS', 'P2P_MAX_CONNECTIONS'], flag: '--max-connections' }),
      maxInbound: count(0, 20_000)
        .optional()
        .describe('Of them inbound, at most')
        .meta({ env: ['PENIN_MAX_INBOUND'], flag: '--max-inbound' }),
      maxOutbound: count(0, 20_000)
        .optional()
        .describe('Of them outbound, at most')
        .meta({ env: ['PENIN_MAX_OUTBOUND'], flag: '--max-outbound' }),
      minOutbound: count(0, 10_000)
        .optional()
        .describe('Outbound peers that are dialled however many are inbound, and that inbound ones leave room for'),
      overflow: count(0, 20_000)
        .optional()
        .describe('Inbound connections above all limits that are answered, told of others and then let go'),
      maxPerSubnet: count(1, 20_000)
        .optional()
        .describe('Inbound connections of one public IPv4 /24 or IPv6 /48, at most'),
      geo: z
        .strictObject({
          countryFile: z
            .string({ error: 'a path' })
            .min(1, 'a path')
            .optional()
            .describe('An MMDB file with countries'),
          asnFile: z
            .string({ error: 'a path' })
            .min(1, 'a path')
            .optional()
            .describe('An MMDB file with network numbers'),
          maxPerCountry: count(1, 20_000).optional().describe('Connections of one country, at most'),
          maxPerAsn: count(1, 20_000).optional().describe('Connections of one network (ASN), at most')
        })
        .optional(),
      wishes: z
        .array(wish, { error: 'a list of wishes such as resources:cpu=2' })
        .max(16, 'at most 16 entries')
        .optional()
        .describe(
          'What peers are wanted for, such as resources:cpu=2: those that offer it are dialled first and kept; see Wishes below'
        )
        .meta({ env: ['PENIN_WISHES'], flag: '--wish' }),
      parallelDials: count(1, 256).optional().describe('Dials under way, at most'),
      dialTimeout: ms(100, 120_000).optional().describe('For one dial, name look-up and handshake included'),
      inboundBurst: count(1, 100_000).optional().describe('New connections from one address (IPv6: one /64) at once'),
      inboundPerSecond: z
        .number({ error: 'a number above 0' })
        .positive('a number above 0')
        .max(100_000, 'a number above 0, at most 100000')
        .optional()
        .describe('New connections from one address a second, after the burst')
    })
    .optional(),
  heartbeat: z
    .strictObject({
      interval: ms(1_000, 90_000)
        .optional()
        .describe('Time between two pings on every connection')
        .meta({ env: ['PENIN_HEARTBEAT_INTERVAL'], envSeconds: ['P2P_HEARTBEAT_INTERVAL'] }),
      timeout: ms(100, 90_000).optional().describe('Time for the answer to a ping'),
      maxFailures: count(1, 100).optional().describe('Failed pings in a row that make a connection suspect'),
      maxSilence: ms(1_000, 3_600_000).optional().describe('Silence after which a suspect connection is closed')
    })
    .optional(),
  legacyState: z
    .string({ error: 'a path' })
    .min(1, 'a path')
    .optional()
    .describe('State file of a Python PENIN node, in which known_peers is kept up to date')
    .meta({ env: ['PENIN_LEGACY_STATE'], flag: '--legacy-state' }),
  legacyMessages: z
    .boolean({ error: 'true or false' })
    .optional()
    .describe('Speak /penin/1.0.0, the messages of Python PENIN nodes; on with legacyState')
    .meta({ env: ['PENIN_LEGACY_MESSAGES'], flag: '--legacy-messages' }),
  messaging: z
    .strictObject({
      timeout: ms(100, 3_600_000)
        .optional()
        .describe('How long a message waits for its receiver, unless it has a time to live of its own')
        .meta({ env: ['PENIN_MESSAGE_TIMEOUT'], envSeconds: ['P2P_MESSAGE_TIMEOUT'] }),
      attempts: count(1, 1_000).optional().describe('Attempts to reach the receiver in that time'),
      maxSize: count(1, 16_777_216)
        .optional()
        .describe('Bytes of a message, sent or taken, at most')
        .meta({ env: ['PENIN_MAX_MESSAGE_SIZE'] }),
      maxBroadcastSize: count(1, 1_048_576)
        .optional()
        .describe('Bytes of a broadcast message, at most; the whole network should have the same'),
      bandwidthLimit: z
        .strictObject({
          perPeer: bandwidth('with one peer').optional(),
          total: bandwidth('with all peers together').optional()
        })
        .optional()
    })
    .optional()
})

/** What a program, a file, the environment or a command line may set. */
export type ConfigInput = z.input<typeof configSchema>
