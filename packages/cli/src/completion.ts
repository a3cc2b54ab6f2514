import { createCommand } from '@penin/bootstrap-node'
import type { Command } from 'commander'
import { UsageError } from './errors.js'

/** `penin completion bash`. @param program whose commands and flags are completed */
export function completionCommand(program: Command): Command {
  return createCommand('completion', 'Print a script that completes commands and flags')
    .argument('<shell>', 'bash')
    .addHelpText('after', '\nExample:\n  source <(penin completion bash)')
    .action((shell: string) => {
      if (shell !== 'bash') {
        throw new UsageError('completion: only bash is known')
      }
      process.stdout.write(bashCompletion(program))
    })
}

/** A bash function that knows every command and its flags. */
export function bashCompletion(program: Command): string {
  const cases = program.commands.map((command) => {
    const flags = command.options.flatMap(({ long }) => (long == null ? [] : [long]))
    return `    ${command.name()}) words="${[...flags, '--help'].join(' ')}" ;;`
  })
  const names = program.commands.map((command) => command.name()).join(' ')
  return [
    '_penin() {',
    '  local words',
    '  case "${COMP_WORDS[1]}" in',
    ...cases,
    '  esac',
    `  if [ "$COMP_CWORD" -eq 1 ]; then words="${names} --help --version"; fi`,
    '  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))',
    '}',
    'complete -o default -F _penin penin',
    ''
  ].join('\n')
}
