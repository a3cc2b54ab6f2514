import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '@penin/e2e'
import type { NetworkDescription } from '@penin/e2e/lab'
import { writeMmdb } from '../../packages/connection-manager/test/mmdb.js'
import { expect, scenario } from './scenario.js'

/** Each in a /16 of its own, so that nothing but the databases has to do with who is refused. */
const ADDRESSES = {
  hub: '45.10.0.1',
  land1: '45.11.0.1',
  land2: '45.12.0.1',
  land3: '45.13.0.1',
  net1: '45.14.0.1',
  net2: '45.15.0.1',
  net3: '45.16.0.1',
  free1: '45.17.0.1',
  free2: '45.18.0.1'
}

const internet: NetworkDescription = {
  switches: ['internet'],
  hosts: Object.fromEntries(
    Object.entries(ADDRESSES).map(([name, ip]) => [
      name,
      { ports: [{ switch: 'internet', ipv4: `${ip}/8`, noIpv6: true }] }
    ])
  )
}

const COUNTRY = 'QZ'
const ASN = 64_500

/** What a database says of the hosts whose names begin so. */
function records(prefix: string, record: Parameters<typeof writeMmdb>[0][string]): Buffer {
  const networks = Object.entries(ADDRESSES).filter(([name]) => name.startsWith(prefix))
  return writeMmdb(Object.fromEntries(networks.map(([, ip]) => [`${ip.split('.', 2).join('.')}.0.0/16`, record])))
}

scenario(
  'peers beyond the limit of a country or of a network operator are refused, both ways, and told of; the others stay',
  internet,
  async (lab) => {
    const folder = await lab.root()
    const [countryFile, asnFile] = ['country.mmdb', 'asn.mmdb'].map((name) => join(folder, name)) as [string, string]
    await writeFile(countryFile, records('land', { country: { iso_code: COUNTRY } }))
    await writeFile(asnFile, records('net', { autonomous_system_number: ASN }))
    const config = { listen: ['/ip4/0.0.0.0/tcp/4001'], discovery: { mdns: false, dht: false, pex: true } }
    const geo = { countryFile, asnFile, maxPerCountry: 2, maxPerAsn: 2 }
    const hub = await lab.startOn('hub', { ...config, connections: { geo } })
    const free = await lab.startOn('free1', { ...config, bootstrap: [hub.addressWith(ADDRESSES.hub)] })
    const bootstrap = [hub.addressWith(ADDRESSES.hub), free.addressWith(ADDRESSES.free1)]
    const names = Object.keys(ADDRESSES).filter((name) => name !== 'hub' && name !== 'free1')
    const others = await Promise.all(names.map(async (name) => lab.startOn(name, { ...config, bootstrap })))
    const nodes = [free, ...others]

    const connected = async (): Promise<string[]> => {
      const ids = await hub.connected()
      return nodes.filter(({ id }) => ids.includes(id)).map(({ name }) => name)
    }
    const counts = async (): Promise<Record<string, number>> => {
      const there = await connected()
      const of = (prefix: string): number => there.filter((name) => name.startsWith(prefix)).length
      return { land: of('land'), net: of('net'), free: of('free') }
    }
    const isFull = { land: 2, net: 2, free: 2 }
    const isAsExpected = async (): Promise<boolean> => JSON.stringify(await counts()) === JSON.stringify(isFull)
    await until(isAsExpected, { ms: 60_000, what: 'not two of each' })

    // Who is refused comes again, and the hub hears of it from others and dials it: neither gets it in.
    const outside = others.filter(({ name }) => name !== 'free2')
    const refusals = (): Array<Record<string, unknown>> =>
      hub.events.filter(({ name }) => name === 'connection:refused').map(({ detail }) => detail)
    const isRefused = (reason: string, direction: string): boolean =>
      refusals().some((detail) => detail['reason'] === reason && detail['direction'] === direction)
    await until(
      () => ['country-limit', 'asn-limit'].every((why) => isRefused(why, 'inbound') && isRefused(why, 'outbound')),
      { ms: 60_000, what: 'not everybody was refused both ways' }
    )
    await pause(2_000)
    expect(await counts()).toEqual(isFull)
    const there = await connected()
    const refused = outside.filter(({ name }) => !there.includes(name))
    for (const { reason, limit, group, peer } of refusals()) {
      const isCountry = reason === 'country-limit'
      expect({ reason, limit, group }).toEqual(
        isCountry ? { reason, limit: 2, group: COUNTRY } : { reason: 'asn-limit', limit: 2, group: `AS${ASN}` }
      )
      const name = nodes.find(({ id }) => id === peer)?.name ?? ''
      expect(name).toMatch(isCountry ? /^land/ : /^net/)
    }
    for (const { id, name } of refused) {
      const { reasons } = await hub.request('explain', id)
      expect(reasons.join(' ')).toMatch(name.startsWith('land') ? /country-limit/ : /asn-limit/)
    }

    // A place that becomes free is for the one who was refused.
    const [leaver] = others.filter(({ name }) => name.startsWith('land') && there.includes(name))
    await leaver?.stop()
    const late = refused.find(({ name }) => name.startsWith('land'))
    await until(async () => (await connected()).includes(late?.name ?? ''), {
      ms: 100_000,
      what: 'the free place stays empty'
    })
    expect(await counts()).toEqual(isFull)
    expect(lab.unhandled).toEqual([])
  }
)
