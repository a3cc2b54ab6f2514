import type { Command } from 'commander'
import { bansText, banText, historyText } from './ask.js'
import { ask, client, print, rendering } from './asking.js'
import { parseDuration } from './duration.js'

const ID = 'Peer id, or its beginning or end'

/** The commands about whom a node trusts and whom it has banned. */
export function reputationCommands(): Command[] {
  return [banCommand(), unbanCommand(), bansCommand(), trustCommand(), historyCommand(), reputationCommand()]
}

function banCommand(): Command {
  const command = ask('ban', 'Disconnect a peer and keep it out', [
    'penin ban 7xKwQb2p',
    'penin ban 7xKwQb2p --for 1h --reason spam'
  ])
  return command
    .argument('<id>', ID)
    .option('--for <duration>', 'How long, such as 90s, 15m, 1h or 7d (default: for good)')
    .option('--reason <text>', 'Why; penin bans shows it')
    .action(async (given: string) => {
      const flags = command.opts<{ for?: string; reason?: string }>()
      const duration = flags.for == null ? undefined : parseDuration(flags.for, '--for')
      const node = await client(command)
      const ban = await node.ban(await node.complete(given), {
        ...(duration == null ? {} : { duration }),
        ...(flags.reason == null ? {} : { reason: flags.reason })
      })
      print(command, ban, () => banText(ban, rendering().now))
    })
}

function unbanCommand(): Command {
  const command = ask('unban', 'Lift a ban, and forgive what led to it', [
    'penin unban 7xKwQb2p',
    'penin unban 192.0.2.7'
  ])
  return command.argument('<id>', `${ID}, or an IP group as penin bans shows it`).action(async (given: string) => {
    const node = await client(command)
    const answer = await node.unban(await node.completeBan(given))
    print(command, answer, () => (answer.unbanned ? `unbanned ${answer.key}` : `${answer.key} was not banned`))
  })
}

function bansCommand(): Command {
  const command = ask('bans', 'List who is banned, until when and why', ['penin bans', 'penin bans --json'])
  return command.action(async () => {
    const bans = await (await client(command)).bans()
    print(command, bans, () => bansText(bans, rendering()))
  })
}

function trustCommand(): Command {
  const command = ask('trust', 'Trust a peer: the node does not ban it by itself', [
    'penin trust 7xKwQb2p',
    'penin trust 7xKwQb2p --off'
  ])
  return command
    .argument('<id>', ID)
    .option('--off', 'Not any more')
    .action(async (given: string) => {
      const { off } = command.opts<{ off?: boolean }>()
      const node = await client(command)
      const answer = await node.trust(await node.complete(given), off !== true)
      print(command, answer, () => `${answer.id} is ${answer.trusted ? 'trusted' : 'not trusted any more'}`)
    })
}

function historyCommand(): Command {
  const command = ask('history', 'Show how the reputation of a peer has changed', ['penin history 7xKwQb2p'])
  return command.argument('<id>', ID).action(async (given: string) => {
    const node = await client(command)
    const { history } = await node.history(await node.completeBan(given))
    print(command, history, () => historyText(history, rendering()))
  })
}

function reputationCommand(): Command {
  const command = ask('reputation', 'Print all that a node holds of the reputation of peers, as JSON', [
    'penin reputation > reputation.json'
  ])
  return command.action(async () => {
    const snapshot = await (await client(command)).reputation()
    print(command, snapshot, () => JSON.stringify(snapshot, null, 2))
  })
}
