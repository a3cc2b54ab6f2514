import { Option, type Command } from 'commander'
import { PEER_SOURCES } from '@penin/interface'
import { PEER_SORTS } from '@penin/node'
import type { PeerQuery } from './admin-client.js'
import { ask, client, print, rendering } from './asking.js'
import { explanationText, peersText, peerText, statsText } from './ask.js'
import { reputationCommands } from './reputation-commands.js'

/** The commands that ask a running node. */
export function askCommands(): Command[] {
  return [peersCommand(), statsCommand(), explainCommand(), addCommand(), removeCommand(), ...reputationCommands()]
}

function peersCommand(): Command {
  const command = ask('peers', 'List the peers of a running node, and the Python nodes that it hears', [
    'penin peers',
    'penin peers --all --sort health --json',
    'penin peers --capability tools:search',
    'penin peers --banned'
  ])
  return command
    .option('--all', 'Those that are not connected as well')
    .option('--banned', 'Those that are banned')
    .addOption(new Option('--source <name>', 'Those found by a source').choices(PEER_SOURCES))
    .option(
      '--tag <tag>',
      'Those with a tag: bootstrap, persistent, private, unconditional, trusted, or a program’s own'
    )
    .option('--capability <kind[:name]>', 'Those that offer agents, tools, resources or prompts, or one of that name')
    .addOption(new Option('--sort <order>', 'Best or latest first').choices(PEER_SORTS))
    .option('--limit <count>', 'So many at most')
    .action(async () => {
      const query = readQuery(command.opts())
      const node = await client(command)
      const peers = await node.peers(query)
      const legacy = asksForLegacy(query) ? await node.legacyPeers() : []
      const all = [...peers, ...legacy.map((peer) => ({ ...peer, state: 'legacy' }))]
      print(command, all, () => peersText(peers, query, rendering(), legacy))
    })
}

/** Of a Python node nothing is known that one could choose it by. */
function asksForLegacy({ connected: _connected, sort: _sort, ...choice }: PeerQuery): boolean {
  return Object.keys(choice).length === 0
}

/** Those connected are meant, unless somebody asks for those that can't be. */
function readQuery({ all, banned, ...rest }: { all?: boolean; banned?: boolean } & PeerQuery): PeerQuery {
  const { source, tag, capability, sort, limit } = rest
  return {
    ...(all === true || banned === true ? {} : { connected: true }),
    ...(banned === true ? { banned } : {}),
    ...(source == null ? {} : { source }),
    ...(tag == null ? {} : { tag }),
    ...(capability == null ? {} : { capability }),
    ...(sort == null ? {} : { sort }),
    ...(limit == null ? {} : { limit })
  }
}

function statsCommand(): Command {
  const command = ask('stats', 'Show the counters of a running node', ['penin stats', 'penin stats --json'])
  return command.action(async () => {
    const stats = await (await client(command)).stats()
    print(command, stats, () => statsText(stats))
  })
}

function explainCommand(): Command {
  const command = ask('explain', 'Say why a peer is or is not connected', ['penin explain 7xKwQb2p'])
  return command.argument('<id>', 'Peer id, or its beginning or end').action(async (given: string) => {
    const node = await client(command)
    const explanation = await node.explain(await node.complete(given))
    print(command, explanation, () => explanationText(explanation))
  })
}

function addCommand(): Command {
  const command = ask('add', 'Dial a peer and remember it', [
    'penin add 192.0.2.7:4001',
    'penin add /ip4/192.0.2.7/tcp/4001/p2p/12D3KooW…'
  ])
  return command
    .argument('<address>', 'Multiaddr, ID@host:port or host:port')
    .option('--expect <key>', 'Ed25519 public key that must answer, in hexadecimal')
    .action(async (address: string) => {
      const { expect } = command.opts<{ expect?: string }>()
      const peer = await (await client(command)).add(address, expect)
      print(command, peer, () => peerText(peer))
    })
}

function removeCommand(): Command {
  const command = ask('remove', 'Disconnect a peer and forget it', ['penin remove 7xKwQb2p'])
  return command.argument('<id>', 'Peer id, or its beginning or end').action(async (given: string) => {
    const node = await client(command)
    const answer = await node.remove(await node.complete(given))
    print(command, answer, () => `removed ${answer.removed}`)
  })
}
