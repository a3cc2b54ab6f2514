import { resolveConfig, settings } from '@penin/node'
import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { addSettingFlags, flagsToConfig, withProgramDefaults } from '../src/index.js'

function parse(...args: string[]): ReturnType<typeof flagsToConfig> {
  const command = addSettingFlags(new Command('test').exitOverride().configureOutput({ writeErr: () => undefined }))
  command.parse(args, { from: 'user' })
  return flagsToConfig(command.opts())
}

describe('flags from settings', () => {
  it('offers every setting that has a flag, and the negative of every switch', () => {
    const command = addSettingFlags(new Command('test'))
    const longs = command.options.map(({ long }) => long)
    for (const { flag, type } of settings()) {
      if (flag == null) continue
      expect(longs).toContain(flag)
      expect(longs.includes(flag.replace('--', '--no-'))).toBe(type === 'boolean')
    }
  })

  it('sets nothing that was not given', () => {
    expect(parse()).toEqual({})
  })

  it('reads texts, numbers, switches and lists', () => {
    expect(parse('--network-id', 'acme', '--target', '7', '--no-mdns', '--dht')).toEqual({
      networkId: 'acme',
      connections: { target: 7 },
      discovery: { mdns: { enabled: false }, dht: { enabled: true } }
    })
    expect(parse('--bootstrap', 'a.example:1, b.example:2', '--bootstrap', 'c.example:3')).toEqual({
      bootstrap: ['a.example:1', 'b.example:2', 'c.example:3']
    })
  })

  it.for([
    ['--target', 'many'],
    ['--target', ''],
    ['--target', '-1'],
    ['--target', '1.5'],
    ['--max-connections', '0'],
    ['--profile', 'huge'],
    ['--network-id', 'a b'],
    ['--data-dir', ''],
    ['--dht-profile', 'wan'],
    ['--wish', 'cpu']
  ] as const)('%s %j is a ConfigError that names the flag', ([flag, value]) => {
    expect(() => parse(`${flag}=${value}`)).toThrow(
      expect.objectContaining({ name: 'ConfigError', key: flag, source: 'command line' })
    )
  })

  it('a hostile value cannot write to the terminal', () => {
    expect(() => parse('--network-id', '\u001b[2Jx')).toThrow(/\\u\{1b\}/)
  })

  it('reads wishes for capabilities', () => {
    expect(parse('--wish', 'resources:cpu=2,agents')).toEqual({
      connections: { wishes: ['resources:cpu=2', 'agents'] }
    })
  })

  it('shows the defaults of the profile in the help', () => {
    const help = addSettingFlags(new Command('test'), { profile: 'bridge' }).helpInformation()
    expect(help.replaceAll(/\s+/g, ' ')).toContain('keep up (default: 64')
  })
})

describe("a program's own defaults", () => {
  const defaults = { profile: 'bridge', listen: ['/ip4/127.0.0.1/tcp/4001'] } as const

  it('apply where nothing else is set', () => {
    const { config } = resolveConfig(withProgramDefaults({ env: {} }, { ...defaults, listen: [...defaults.listen] }))
    expect(config).toMatchObject({ profile: 'bridge', listen: defaults.listen, connections: { target: 64 } })
  })

  it('give way to flags, environment and code', () => {
    const own = { ...defaults, listen: [...defaults.listen] }
    const by = (layers: Parameters<typeof withProgramDefaults>[0]): unknown =>
      resolveConfig(withProgramDefaults(layers, own)).config.profile
    expect(by({ env: {}, flags: { profile: 'minimal' } })).toBe('minimal')
    expect(by({ env: { PENIN_PROFILE: 'minimal' } })).toBe('minimal')
    expect(by({ env: {}, code: { profile: 'minimal' } })).toBe('minimal')
  })

  it('reach into objects, key by key', () => {
    const own = { discovery: { udpBroadcast: { enabled: true } } }
    const by = (layers: Parameters<typeof withProgramDefaults>[0]): unknown =>
      resolveConfig(withProgramDefaults({ env: {}, ...layers }, own)).config.discovery.udpBroadcast.enabled
    expect(by({ flags: { discovery: { mdns: false, udpBroadcast: { port: 5_000 } } } })).toBe(true)
    expect(by({ code: { discovery: { udpBroadcast: {} } } })).toBe(true)
    expect(by({ flags: { discovery: { udpBroadcast: { enabled: false } } } })).toBe(false)
    expect(by({ code: { discovery: { udpBroadcast: false } } })).toBe(false)
    expect(by({ env: { PENIN_UDP: 'false' } })).toBe(false)
    const { flags } = withProgramDefaults({ env: {}, flags: { discovery: { mdns: false } } }, own)
    expect(flags).toEqual({ discovery: { mdns: false, udpBroadcast: { enabled: true } } })
  })
})
