import { Socket } from 'node:dgram'
import { describe, expect, it, vi } from 'vitest'
import { Counters, MAX_PROBLEMS } from '../src/counters.js'
import { chooseLinks } from '../src/interfaces.js'
import { beaconSockets } from '../src/sockets.js'
import { freePort, LO } from './support.js'

const problem = (networkInterface: string, code = 'EPERM') => ({
  networkInterface,
  operation: 'send' as const,
  error: { code }
})

describe('problems', () => {
  it('are told of once for each interface, whatever its name, until it works again or was away', () => {
    const counters = new Counters()
    const names = ['eth0', 'Local Area Connection* 2']
    const tell = (): string[] => names.filter((name) => counters.problem(problem(name)) != null)
    expect(tell()).toEqual(names)
    counters.retainProblems(new Set(names), new Set())
    expect(tell()).toEqual([])
    counters.solved('Local Area Connection* 2', 'send')
    expect(tell()).toEqual(['Local Area Connection* 2'])
    counters.retainProblems(new Set(['eth0']), new Set())
    expect(tell()).toEqual(['Local Area Connection* 2'])
    expect(counters.snapshot().errors).toEqual({ 'send:EPERM': 8 })
  })

  it('are not told of while a fresh IPv6 address settles, but when it stays unusable', () => {
    const counters = new Counters()
    const tell = (): string | undefined =>
      counters.problem({ networkInterface: 'eth0', operation: 'bind', error: { code: 'EADDRNOTAVAIL' } })?.name
    expect([tell(), tell(), tell(), tell()]).toEqual([undefined, undefined, 'UdpSocketError', undefined])
    counters.retainProblems(new Set(), new Set())
    expect(tell()).toBeUndefined()
  })

  it('are told of 256 times, and only counted beyond that', () => {
    const counters = new Counters()
    const told = Array.from({ length: 1000 }, (_, n) => counters.problem(problem(`veth${n}`))).filter(
      (told) => told != null
    )
    expect([told.length, counters.snapshot().errors]).toEqual([MAX_PROBLEMS, { 'send:EPERM': 1000 }])
  })
})

it('a megabyte of datagrams may wait to be read', async () => {
  const enlarge = vi.spyOn(Socket.prototype, 'setRecvBufferSize')
  const nothing = (): void => undefined
  const handlers = { onDatagram: nothing, onProblem: nothing, onListening: nothing }
  const sockets = beaconSockets(await freePort(), handlers)
  await sockets.update(chooseLinks(LO, { ipv4: true, ipv6: false }).links)
  expect(enlarge.mock.calls).toEqual([[2 ** 20]])
  await sockets.close()
})
