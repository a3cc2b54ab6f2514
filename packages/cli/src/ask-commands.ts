import { ADMIN_TOKEN_VARIABLE, createCommand } from '@penin/bootstrap-node'
import { systemClock } from '@penin/interface'
import { resolveConfig } from '@penin/node'
import type { Command } from 'commander'
import { AdminClient, findAdmin } from './admin-client.js'
import { explanationText, peersText, peerText, statsText, type Rendering } from './ask.js'
import { DATA_DIR } from './start.js'

const EXIT_CODES = `Exit codes:
  0  done
  1  the node could not do it
  2  bad command line
  5  no node is running there`

/** The commands that ask a running node. */
export function askCommands(): Command[] {
  return [peersCommand(), statsCommand(), explainCommand(), addCommand(), removeCommand()]
}

function peersCommand(): Command {
  const command = ask('peers', 'List the peers of a running node', ['penin peers', 'penin peers --all --json'])
  return command.option('--all', 'Those that are not connected as well').action(async () => {
    const { all } = command.opts<{ all?: boolean }>()
    const peers = await (await client(command)).peers(all === true ? undefined : true)
    print(command, peers, () => peersText(peers, all === true, rendering()))
  })
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

function ask(name: string, description: string, examples: readonly string[]): Command {
  return createCommand(name, description)
    .option('--data-dir <path>', `Data directory of the node (default: ${DATA_DIR}; env: PENIN_DATA_DIR)`)
    .option('--admin <url>', "The node's admin endpoint, instead of the one that its data directory names")
    .option('--token <token>', `Token of that endpoint; better given as env: ${ADMIN_TOKEN_VARIABLE}`)
    .option('--json', 'Write JSON')
    .addHelpText('after', `\nExamples:\n${examples.map((line) => `  ${line}`).join('\n')}\n\n${EXIT_CODES}`)
}

async function client(command: Command): Promise<AdminClient> {
  const flags = command.opts<{ dataDir?: string }>()
  const dataDir = flags.dataDir ?? resolveConfig().config.dataDir ?? DATA_DIR
  return new AdminClient(await findAdmin(flags, dataDir))
}

function print(command: Command, value: unknown, text: () => string): void {
  const { json } = command.opts<{ json?: boolean }>()
  process.stdout.write(`${json === true ? JSON.stringify(value) : text()}\n`)
}

function rendering(): Rendering {
  const { isTTY, columns } = process.stdout
  return { now: systemClock.now(), fullIds: !isTTY, ...(isTTY ? { width: columns } : {}) }
}
