import { describe, expect, it } from 'vitest'
import { resolveConfig, type ConfigLayers, type NodeConfig } from '../src/index.js'

function resolve(layers: ConfigLayers): NodeConfig {
  return resolveConfig({ env: {}, ...layers }).config
}

describe('settings of beacons and of the Python side', () => {
  it('are off unless asked for', () => {
    const { discovery, legacyState, legacyMessages } = resolve({})
    expect(discovery.udpBroadcast).toEqual({ enabled: false, port: 51_515, interval: 10_000 })
    expect([legacyState, legacyMessages]).toEqual([undefined, false])
  })

  it.for([
    { code: { legacyState: 'state.json' } },
    { env: { PENIN_LEGACY_STATE: 'state.json' } },
    { flags: { legacyState: 'state.json' } }
  ] satisfies ConfigLayers[])('a state file brings beacons and messages along: %j', (layers) => {
    const { discovery, legacyState, legacyMessages } = resolve(layers)
    expect([legacyState, legacyMessages, discovery.udpBroadcast.enabled]).toEqual(['state.json', true, true])
  })

  it('a word against them in any layer counts, whichever has the state file', () => {
    const { discovery, legacyMessages } = resolve({
      code: { legacyState: 'state.json' },
      env: { PENIN_UDP: 'off', PENIN_LEGACY_MESSAGES: 'no' }
    })
    expect([legacyMessages, discovery.udpBroadcast.enabled]).toEqual([false, false])
    expect(
      resolve({ flags: { legacyState: 'x', discovery: { udpBroadcast: false } } }).discovery.udpBroadcast.enabled
    ).toBe(false)
  })

  it("takes the Python node's variables, the interval in seconds", () => {
    const env = { PENIN_DISCOVERY_PORT: '51600', PENIN_DISCOVERY_INTERVAL: '2', PENIN_UDP_INTERFACES: 'eth0, eth1' }
    expect(resolve({ env, code: { discovery: { udpBroadcast: true } } }).discovery.udpBroadcast).toEqual({
      enabled: true,
      port: 51_600,
      interval: 2_000,
      interfaces: ['eth0', 'eth1']
    })
  })

  it.for([
    ['PENIN_DISCOVERY_INTERVAL', '0'],
    ['PENIN_DISCOVERY_INTERVAL', '-1'],
    ['PENIN_DISCOVERY_PORT', '0'],
    ['PENIN_DISCOVERY_PORT', '65536']
  ] as const)('%s=%s, which a Python node takes, is refused by name', ([key, value]) => {
    expect(() => resolve({ env: { [key]: value } })).toThrow(expect.objectContaining({ name: 'ConfigError', key }))
  })

  it('P2P_DISCOVERY_METHOD=manual means the beacons as well, and zeroconf does not', () => {
    const enabled = (env: Record<string, string>): boolean => resolve({ env }).discovery.udpBroadcast.enabled
    expect(enabled({ P2P_DISCOVERY_METHOD: 'manual', PENIN_LEGACY_STATE: 'state.json' })).toBe(false)
    expect(enabled({ P2P_DISCOVERY_METHOD: 'manual', PENIN_UDP: 'true' })).toBe(true)
    expect(enabled({ P2P_DISCOVERY_METHOD: 'zeroconf' })).toBe(false)
  })

  it('an empty path is no state file', () => {
    expect(() => resolve({ code: { legacyState: '' } })).toThrow(expect.objectContaining({ key: 'legacyState' }))
  })
})
