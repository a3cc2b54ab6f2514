import { describe, expect, it } from 'vitest'
import { parseArguments } from '../src/bench/arguments.js'

const known = ['start', 'dial', 'dial-ready']

describe('the command line of the benches', () => {
  it('runs everything without a name', () => {
    expect(parseArguments([], known)).toEqual({ action: 'run', names: known, check: false })
  })

  it('runs the named ones, each once, in the order of the list', () => {
    expect(parseArguments(['dial', 'start', 'dial'], known)).toMatchObject({ names: ['start', 'dial'] })
  })

  it('takes rounds, file and check wherever they stand', () => {
    expect(parseArguments(['--rounds', '3', 'dial', '--json=out.json', '--check'], known)).toEqual({
      action: 'run',
      names: ['dial'],
      rounds: 3,
      json: 'out.json',
      check: true
    })
  })

  it('rejects an unknown name, and wants the list shown', () => {
    expect(parseArguments(['dial', 'fly'], known)).toEqual({
      action: 'reject',
      problem: 'unknown bench: fly',
      showNames: true
    })
  })

  it.for([
    ['rounds that are no number', ['--rounds', 'many']],
    ['no rounds at all', ['--rounds', '0']],
    ['half a round', ['--rounds', '1.5']],
    ['rounds without end', ['--rounds', '1001']],
    ['an option that there is not', ['--fast']],
    ['a file without a name', ['--json=']],
    ['an option without its value', ['--json']]
  ] as const)('rejects %s', ([_name, args]) => {
    expect(parseArguments(args, known)).toMatchObject({ action: 'reject', showNames: false })
  })

  it('lists and helps before anything else', () => {
    expect(parseArguments(['--list', 'fly'], known)).toEqual({ action: 'list' })
    expect(parseArguments(['-h'], known)).toEqual({ action: 'help' })
  })

  it('passes over the dashes that a package manager hands on', () => {
    expect(parseArguments(['--', '--list'], known)).toEqual({ action: 'list' })
  })
})
