import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import {
  LinkSockets,
  localLink,
  systemErrorCode,
  type LinkSocketsInit,
  type LocalLink,
  type SocketProblem
} from '../src/index.js'

const LO = {
  address: '127.0.0.1',
  netmask: '',
  family: 'IPv4',
  mac: '',
  internal: true,
  cidr: '127.0.0.1/8'
} as const
const link = localLink('lo', [LO], LO, 'linux')

const cleanups: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) {
    await cleanup()
  }
})

async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  const { port } = socket.address()
  await new Promise<void>((resolve) => socket.close(resolve))
  return port
}

async function make(changes: Partial<LinkSocketsInit<LocalLink>> = {}) {
  const heard: Array<{ text: string; from: RemoteInfo }> = []
  const problems: SocketProblem[] = []
  const opened: Array<{ socket: Socket; isListener: boolean }> = []
  const port = await freePort()
  const sockets = new LinkSockets({
    listenPort: port,
    sendPort: 0,
    open: (options, isListener) => {
      const socket = createSocket({ ...options, reuseAddr: isListener })
      socket.on('message', (message, from) => heard.push({ text: message.toString(), from }))
      opened.push({ socket, isListener })
      return socket
    },
    configure: () => undefined,
    groupOf: () => undefined,
    onProblem: (problem) => problems.push(problem),
    ...changes
  })
  cleanups.push(async () => sockets.close())
  return { sockets, heard, problems, opened, port }
}

describe('link sockets', () => {
  it('open one that listens per family and one that sends per link, and keep them while the link stays', async () => {
    const { sockets, opened, problems } = await make()
    const other = { ...link, key: 'other', bind: '127.0.0.2' }
    expect(await sockets.update([link, other])).toEqual([link, other])
    expect(opened.map(({ isListener }) => isListener)).toEqual([true, false, false])
    const changed = { ...link, addresses: [] }
    expect(await sockets.update([changed])).toEqual([])
    expect(sockets.links).toEqual([changed])
    expect([opened.length, problems]).toEqual([3, []])
  })

  it('send from the link’s own address to the port that is listened on, unless told another', async () => {
    const { sockets, opened, heard, port } = await make()
    await sockets.update([link])
    const message = once(opened[0]?.socket as Socket, 'message')
    expect(await sockets.send(link, Buffer.from('hello'), '127.0.0.1')).toBe(true)
    await message
    expect(heard).toMatchObject([{ text: 'hello', from: { address: '127.0.0.1' } }])
    const answer = once(opened[1]?.socket as Socket, 'message')
    expect(await sockets.send(link, Buffer.from('back'), '127.0.0.1', heard[0]?.from.port)).toBe(true)
    await answer
    expect(heard[0]?.from.port).not.toBe(port)
  })

  it('send nothing on a link that is gone, and may be opened again when closed', async () => {
    const { sockets, problems } = await make()
    await sockets.update([link])
    await sockets.close()
    expect(sockets.links).toEqual([])
    expect(await sockets.send(link, Buffer.from('x'), '127.0.0.1')).toBe(false)
    expect(await sockets.update([link])).toEqual([link])
    expect(problems).toEqual([])
  })

  it('tell what the system refuses, and carry on with the other links', async () => {
    const { sockets, problems } = await make()
    const elsewhere = { ...link, key: 'elsewhere', name: 'eth9', bind: '192.0.2.1' }
    expect(await sockets.update([elsewhere, link])).toEqual([link])
    expect(await sockets.send(link, Buffer.alloc(70_000), '127.0.0.1')).toBe(false)
    const told = problems.map(({ error, ...rest }) => ({ ...rest, code: systemErrorCode(error) }))
    expect(told).toEqual([
      { networkInterface: 'eth9', operation: 'bind', code: 'EADDRNOTAVAIL' },
      { networkInterface: 'lo', operation: 'send', code: 'EMSGSIZE' }
    ])
  })

  it('name the port that a listening socket did not get, send without it, and listen when it is free', async () => {
    const { sockets, problems, opened, port } = await make()
    const thief = createSocket('udp4')
    await new Promise<void>((resolve) => thief.bind(port, '0.0.0.0', resolve))
    expect(await sockets.update([link])).toEqual([link])
    expect(problems).toMatchObject([{ networkInterface: '0.0.0.0', operation: 'bind', port }])
    await new Promise<void>((resolve) => thief.close(resolve))
    expect(await sockets.update([link])).toEqual([])
    expect(problems).toHaveLength(1)
    expect(opened.filter(({ isListener }) => isListener)).toHaveLength(2)
  })

  it('replace a socket that breaks at the next update', async () => {
    const { sockets, problems, opened, port } = await make()
    await sockets.update([link])
    const error = Object.assign(new RangeError('gone'), { code: 'ENETDOWN' })
    for (const { socket } of [...opened]) {
      socket.emit('error', error)
    }
    expect(problems).toEqual([
      { networkInterface: '0.0.0.0', operation: 'receive', error, port },
      { networkInterface: 'lo', operation: 'receive', error }
    ])
    expect(sockets.links).toEqual([])
    expect(await sockets.update([link])).toEqual([link])
    expect(opened.map(({ isListener }) => isListener)).toEqual([true, false, true, false])
    expect(problems).toHaveLength(2)
  })

  it('leave out a link whose socket can’t be made ready', async () => {
    const error = Object.assign(new RangeError('no'), { code: 'EINVAL' })
    const { sockets, problems } = await make({
      configure: () => {
        throw error
      }
    })
    expect(await sockets.update([link])).toEqual([])
    expect(problems).toEqual([{ networkInterface: 'lo', operation: 'configure', error }])
  })

  it('join the group again and again without complaint, and tell if they can’t', async () => {
    let group = '224.0.0.251'
    const { sockets, problems } = await make({ groupOf: () => group })
    await sockets.update([link])
    await sockets.update([link])
    expect(problems).toEqual([])
    group = '192.0.2.1'
    await sockets.update([link])
    expect(problems).toMatchObject([{ networkInterface: 'lo', operation: 'join' }])
  })
})

it('an error that is none of the system’s has no code', () => {
  expect([null, undefined, 'x', {}, { code: 5 }].map(systemErrorCode)).toEqual(Array(5).fill(undefined))
  expect(systemErrorCode({ code: 'ENODEV' })).toBe('ENODEV')
})
