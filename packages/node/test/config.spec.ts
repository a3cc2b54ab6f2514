import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { profileDefaults, resolveConfig, settings, settingsTable, type ConfigLayers } from '../src/index.js'

const dir = mkdtempSync(join(tmpdir(), 'penin-config-'))
afterAll(() => {
  rmSync(dir, { recursive: true, force: true })
})

function resolve(layers: ConfigLayers): ReturnType<typeof resolveConfig>['config'] {
  return resolveConfig({ env: {}, ...layers }).config
}

function file(content: unknown): string {
  const path = join(dir, `config-${Math.random().toString(36).slice(2)}.json`)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

describe('precedence', () => {
  it('code beats flags, flags beat the environment, that beats the file, and the file beats the profile', () => {
    const configFile = file({
      networkId: 'file',
      listen: ['/ip4/127.0.0.1/tcp/1'],
      profile: 'minimal',
      announce: ['/ip4/45.45.45.1/tcp/1']
    })
    const env = { PENIN_NETWORK_ID: 'env', PENIN_LISTEN: '/ip4/127.0.0.1/tcp/2', PENIN_DHT: 'false' }
    const flags = { networkId: 'flag', listen: ['/ip4/127.0.0.1/tcp/3'] }
    const config = resolve({ configFile, env, flags, code: { networkId: 'code' } })
    expect(config).toMatchObject({
      networkId: 'code',
      listen: ['/ip4/127.0.0.1/tcp/3'],
      announce: ['/ip4/45.45.45.1/tcp/1'],
      profile: 'minimal',
      discovery: { dht: { enabled: false } },
      connections: { target: 4, max: 8 }
    })
  })

  it('merges objects by key: a switch in one layer and an option of it in another both hold', () => {
    const config = resolve({
      env: { PENIN_MDNS_INTERFACES: '127.0.0.1, eth0' },
      code: { discovery: { mdns: { interval: 5000 } } }
    })
    expect(config.discovery.mdns).toEqual({
      enabled: true,
      interval: 5000,
      serviceTag: '_p2p._udp.local',
      interfaces: ['127.0.0.1', 'eth0']
    })
  })

  it('lowers the target with the maximum', () => {
    expect(resolve({ code: { connections: { max: 3 } } }).connections).toMatchObject({ max: 3, target: 3 })
  })

  it('never shares state between two configurations', () => {
    resolve({}).bootstrap.push('x')
    expect(profileDefaults().bootstrap).toEqual([])
  })
})

describe('the predecessors\u2019 variables', () => {
  it('are read in their units: seconds', () => {
    const env = {
      PENIN_DISCOVERY_PORT: '51516',
      PENIN_DISCOVERY_INTERVAL: '20',
      P2P_HEARTBEAT_INTERVAL: '15',
      P2P_MAX_CONNECTIONS: '50',
      P2P_MESSAGE_TIMEOUT: '2.5'
    }
    expect(resolve({ env })).toMatchObject({
      discovery: { udpBroadcast: { port: 51516, interval: 20_000 } },
      heartbeat: { interval: 15_000 },
      connections: { max: 50 },
      messaging: { timeout: 2500 }
    })
  })

  it('P2P_DISCOVERY_METHOD switches looking around on and off, and our own variable wins', () => {
    expect(resolve({ env: { P2P_DISCOVERY_METHOD: 'manual' } }).discovery).toMatchObject({
      mdns: { enabled: false },
      dht: { enabled: false }
    })
    expect(resolve({ env: { P2P_DISCOVERY_METHOD: 'zeroconf' } }).discovery.mdns.enabled).toBe(true)
    expect(resolve({ env: { P2P_DISCOVERY_METHOD: 'manual', PENIN_MDNS: 'on' } }).discovery.mdns.enabled).toBe(true)
  })

  it('an unknown variable of ours is a warning, since a misspelt one would be lost silently', () => {
    expect(resolveConfig({ env: { PENIN_LISTN: 'x' } }).warnings).toEqual([expect.stringContaining('PENIN_LISTN')])
  })
})

describe('wishes', () => {
  const wished = (layers: ConfigLayers): unknown => resolve(layers).connections.wishes

  it('are read from code, file, environment and flags alike', () => {
    const wishes = ['resources:cpu=2', 'tools:a:b=c', 'agents', { kind: 'prompts', name: 'x' } as const]
    const read = [
      { kind: 'resources', name: 'cpu', peers: 2 },
      { kind: 'tools', name: 'a:b=c', peers: 1 },
      { kind: 'agents', peers: 1 }
    ]
    const last = { kind: 'prompts', name: 'x', peers: 1 }
    expect(wished({ code: { connections: { wishes } } })).toEqual([...read, last])
    expect(wished({ configFile: file({ connections: { wishes } }) })).toEqual([...read, last])
    expect(wished({ env: { PENIN_WISHES: 'resources:cpu=2, tools:a:b=c, agents' } })).toEqual(read)
    expect(wished({ flags: { connections: { wishes: ['agents=3'] } } })).toEqual([{ kind: 'agents', peers: 3 }])
    expect(wished({})).toEqual([])
  })
})

describe('bad settings are one line that names the key, the value and what was expected', () => {
  const cases: Array<[name: string, layers: ConfigLayers, ...parts: string[]]> = [
    ['negative', { code: { connections: { target: -1 } } }, 'connections.target (code): got -1', '0 to 10000'],
    ['NaN', { code: { connections: { max: Number.NaN } } }, 'connections.max (code): got NaN', '1 to 20000'],
    ['a fraction', { code: { connections: { max: 1.5 } } }, 'connections.max', 'got 1.5', 'whole number'],
    [
      'seconds instead of milliseconds',
      { code: { heartbeat: { interval: 30 } } },
      'heartbeat.interval',
      'got 30',
      'milliseconds, 1000 to 90000'
    ],
    [
      'a unit',
      { code: { heartbeat: { interval: '30s' as never } } },
      'heartbeat.interval',
      'got "30s"',
      'milliseconds'
    ],
    ['an unknown key', { code: { bootstap: [] } as never }, 'bootstap (code)', 'no such key; did you mean bootstrap?'],
    [
      'an unknown nested key',
      { code: { discovery: { mdns: { intervall: 1 } as never } } },
      'discovery.mdns.intervall',
      'no such key'
    ],
    [
      'a wrong nested value',
      { code: { discovery: { mdns: { interval: 1 } } } },
      'discovery.mdns.interval',
      'got 1',
      'milliseconds'
    ],
    [
      'a wrong switch',
      { code: { discovery: { dht: 'yes' as never } } },
      'discovery.dht',
      'got "yes"',
      'true, false or an object'
    ],
    ['a wrong profile', { code: { profile: 'huge' as never } }, 'profile', 'got "huge"', 'minimal, standard or bridge'],
    [
      'an address that is none',
      { code: { listen: ['127.0.0.1:4001'] } },
      'listen.0',
      'got "127.0.0.1:4001"',
      'multiaddrs such as'
    ],
    ...['bootstrap', 'seeds', 'persistentPeers', 'privatePeers', 'unconditionalPeers'].flatMap(
      (key): Array<[string, ConfigLayers, ...string[]]> => [
        [`more ${key} than 256`, { code: { [key]: Array(257).fill('127.0.0.1:1') } }, key, 'at most 256 entries'],
        [`${key} of more than 1024 characters`, { code: { [key]: ['x'.repeat(1025)] } }, `${key}.0 (code): got "xxx`]
      ]
    ),
    ['no list', { code: { bootstrap: 'x' as never } }, 'bootstrap', 'got "x"', 'a list'],
    ['a network id with a slash', { code: { networkId: 'a/b' } }, 'networkId', 'got "a/b"', 'A-Z'],
    [
      'a variable that is no number',
      { env: { PENIN_MAX_CONNECTIONS: 'many' } },
      'PENIN_MAX_CONNECTIONS (environment)',
      'got "many"',
      '1 to 20000'
    ],
    [
      'a variable out of range',
      { env: { P2P_MAX_CONNECTIONS: '0' } },
      'P2P_MAX_CONNECTIONS (environment)',
      'got 0',
      '1 to 20000'
    ],
    [
      'seconds out of range',
      { env: { P2P_HEARTBEAT_INTERVAL: '0' } },
      'P2P_HEARTBEAT_INTERVAL (environment)',
      'got "0"',
      'seconds, 1 to 90'
    ],
    ['a switch that is none', { env: { PENIN_MDNS: 'maybe' } }, 'PENIN_MDNS (environment)', 'true or false'],
    [
      'a wish that is none',
      { code: { connections: { wishes: ['cpu'] } } },
      'connections.wishes.0 (code): got "cpu"',
      'such as resources:cpu=2'
    ],
    ['a wish for nobody', { code: { connections: { wishes: ['tools:x=0'] } } }, 'connections.wishes.0', '1 to 256'],
    [
      'a wish for half a peer',
      { code: { connections: { wishes: [{ kind: 'tools', peers: 0.5 }] } } },
      'connections.wishes.0.peers',
      'got 0.5',
      'whole number'
    ],
    [
      'a wish of a kind that is none',
      { code: { connections: { wishes: [{ kind: 'cpus' as never }] } } },
      'connections.wishes.0.kind',
      'got "cpus"',
      'agents, tools'
    ],
    [
      'a wish with an unknown key',
      { code: { connections: { wishes: [{ kind: 'tools', count: 2 } as never] } } },
      'connections.wishes.0.count',
      'no such key'
    ],
    [
      'a variable with a wish that is none',
      { env: { PENIN_WISHES: 'tools:x,cpu=2' } },
      'PENIN_WISHES (environment)',
      'got "cpu=2"'
    ],
    ['an unknown method', { env: { P2P_DISCOVERY_METHOD: 'magic' } }, 'P2P_DISCOVERY_METHOD', 'zeroconf or manual'],
    ['a flag', { flags: { connections: { target: 1e9 } } }, 'connections.target (command line)'],
    ['a missing file', { configFile: '/nowhere/penin.json' }, 'config (config file)', 'ENOENT'],
    ['no JSON', { configFile: file('{') }, 'config (config file)', 'a JSON file'],
    ['an unknown key in a file', { configFile: file({ foo: 1 }) }, 'foo (config file)', 'no such key']
  ]
  it.each(cases)('%s', (_name, layers, ...parts) => {
    let message = ''
    try {
      resolve(layers)
    } catch (error) {
      expect((error as Error).name).toBe('ConfigError')
      message = (error as Error).message
    }
    expect(message).not.toContain('\n')
    for (const part of parts) {
      expect(message).toContain(part)
    }
  })

  it('prints control characters of a value escaped', () => {
    expect(() => resolve({ code: { networkId: '\u001b[31m' } })).toThrow(/\\u001b|\\u\{1b\}/)
  })
})

describe('the settings table', () => {
  it('has a description, and a default or none on purpose, for every setting', () => {
    expect(settings().length).toBeGreaterThan(25)
    for (const setting of settings()) {
      expect(setting.description, setting.key).not.toBe('')
    }
    const withoutDefault = settings().filter((setting) => setting.default === undefined)
    expect(withoutDefault.map((setting) => setting.key)).toEqual([
      'dataDir',
      'discovery.mdns.interfaces',
      'discovery.udpBroadcast.interfaces',
      'connections.geo.countryFile',
      'connections.geo.asnFile',
      'connections.geo.maxPerCountry',
      'connections.geo.maxPerAsn',
      'legacyState',
      'messaging.bandwidthLimit.perPeer.bytesPerSecond',
      'messaging.bandwidthLimit.perPeer.messagesPerSecond',
      'messaging.bandwidthLimit.total.bytesPerSecond',
      'messaging.bandwidthLimit.total.messagesPerSecond'
    ])
  })

  it('names no variable and no flag twice', () => {
    const names = settings().flatMap((setting) => [
      ...setting.env,
      ...setting.envSeconds,
      ...(setting.flag == null ? [] : [setting.flag])
    ])
    expect(new Set(names).size).toBe(names.length)
  })

  it('is a Markdown table', () => {
    expect(settingsTable().split('\n')[2]).toMatch(/^\| `networkId` \| `"penin"` \|/)
  })
})
