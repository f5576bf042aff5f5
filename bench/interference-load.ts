import { connect, type Socket } from 'node:net'

/** Checks at a fixed rate, whether or not the ones before were answered. */
export interface Pace {
  readonly port: number
  readonly headers: Readonly<Record<string, string>>
  readonly question: string
  readonly perSecond: number
  readonly ms: number
}

/** Microseconds from when a check was to be sent, and how many were answered in a second. */
export interface Paced {
  readonly p50: number
  readonly p99: number
  readonly perSecond: number
}

const CONNECTIONS = 64

/** Asks over connections that are kept, one question at a time on each. */
export async function loadPaced({ port, headers, question, perSecond, ms }: Pace): Promise<Paced> {
  const head = Object.entries({
    host: '127.0.0.1',
    ...headers,
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(question)),
  })
  const request = Buffer.from(
    `POST /v1/check HTTP/1.1\r\n${head.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${question}`,
  )
  const took: number[] = []
  let underWay = 0
  const idle: ((dueAt: number) => void)[] = []
  /** Since when they wait for a connection that is free. */
  const waiting: number[] = []
  // What goes wrong is thrown where somebody can stop the servers.
  let failed: (error: Error) => void = () => {}
  const failure = new Promise<never>((_, reject) => {
    failed = reject
  })
  failure.catch(() => {})
  const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => open(port)))
  for (const socket of sockets) {
    socket.on('error', failed)
    let at = 0
    const ask = (dueAt: number) => {
      at = dueAt
      socket.write(request)
    }
    // An answer is one chunk here: small, and with its length.
    socket.on('data', (chunk: Buffer) => {
      if (chunk[9] !== 0x32) return failed(new Error(chunk.toString()))
      took.push((performance.now() - at) * 1_000)
      underWay -= 1
      const dueAt = waiting.shift()
      if (dueAt === undefined) idle.push(ask)
      else ask(dueAt)
    })
    idle.push(ask)
  }
  const started = performance.now()
  const asked = new Promise<void>((resolve) => {
    let sent = 0
    const timer = setInterval(() => {
      const now = performance.now()
      if (now - started >= ms) {
        clearInterval(timer)
        resolve()
        return
      }
      for (const wanted = ((now - started) / 1_000) * perSecond; sent < wanted; sent++) {
        underWay += 1
        const ask = idle.pop()
        if (ask) ask(performance.now())
        else waiting.push(now)
      }
    }, 1)
  })
  await Promise.race([asked, failure])
  while (underWay > 0) await Promise.race([new Promise((resolve) => setTimeout(resolve, 1)), failure])
  for (const socket of sockets) socket.destroy()
  took.sort((a, b) => a - b)
  const at = (share: number) => took[Math.floor(took.length * share)]!
  return { p50: at(0.5), p99: at(0.99), perSecond: (took.length * 1_000) / ms }
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket))
    socket.on('error', reject)
  })
}
