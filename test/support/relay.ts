import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A link between two who speak TCP, as good or bad as a test wants it. */
export interface Relay {
  readonly port: number
  /** Takes bytes and passes none on; what it took is lost, and the connections end with it. */
  hang(does: boolean): void
  /** Passes nothing on until it heals; then all that was sent meanwhile arrives, late. */
  stall(): void
  /** Ends all connections, and every new one at once, until it heals. */
  cut(): void
  heal(): void
  /** New connections go to another port. */
  turn(port: number): void
  stop(): Promise<void>
}

/** A port that passes bytes on to another one of this machine. */
export async function startRelay(first: number): Promise<Relay> {
  let to = first
  let state: 'open' | 'hanging' | 'stalled' | 'cut' = 'open'
  const sockets = new Set<Socket>()
  const endAll = () => {
    for (const socket of sockets) socket.destroy()
  }
  const server: Server = createServer((near) => {
    if (state === 'cut') return void near.on('error', () => {}).destroy()
    const far = connect(to, '127.0.0.1')
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one)
      one.on('data', (bytes) => {
        if (state !== 'hanging') other.write(bytes)
      })
      one.on('error', () => {})
      // Whoever has gone may have sent something before.
      one.on('close', (isBroken) => {
        sockets.delete(one)
        if (isBroken || state === 'hanging') other.destroy()
        else other.end()
      })
      if (state === 'stalled') one.pause()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    hang(does) {
      state = does ? 'hanging' : 'open'
      if (!does) endAll()
    },
    stall() {
      state = 'stalled'
      for (const socket of sockets) socket.pause()
    },
    cut() {
      state = 'cut'
      endAll()
    },
    heal() {
      state = 'open'
      for (const socket of sockets) socket.resume()
    },
    turn(port) {
      to = port
    },
    async stop() {
      endAll()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
