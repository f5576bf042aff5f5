import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect } from 'vitest'
import { isEnded } from './http2-frames.ts'

const AT_ONCE = 256
const WITHIN_MS = 20_000

/** Holds that a server keeps `room` further connections, closes the next one at once, and takes one again when one left. */
export async function expectRoom(port: number, room: number): Promise<void> {
  const opened: Socket[] = []
  const open = async (count: number): Promise<Socket> => {
    const some = Array.from({ length: count }, () => connect(port, '127.0.0.1').on('error', () => {}))
    opened.push(...some)
    await Promise.all(some.map((socket) => once(socket, 'connect')))
    return some.at(-1)!
  }
  try {
    for (let at = 0; at < room; at += AT_ONCE) await open(Math.min(AT_ONCE, room - at))
    const last = opened.at(-1)!
    expect(await isEnded(await open(1), WITHIN_MS, true)).toBe(true)
    expect(await isEnded(last, 200, true)).toBe(false)
    opened[0]!.destroy()
    await expect.poll(async () => isEnded(await open(1), 200, true), { timeout: WITHIN_MS }).toBe(false)
  } finally {
    for (const socket of opened) socket.destroy()
  }
}
