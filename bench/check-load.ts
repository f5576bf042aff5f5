import { connect, type Socket } from 'node:net'

/** What a load came to: answers per second, and how long one took in the middle and at the 99th percentile, in microseconds. */
export interface Load {
  readonly count: number
  /** Of the server, microseconds per answer; 0 where it was not asked. */
  readonly cpu: number
  /** Of this process, which asks. */
  readonly clientCpu: number
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
}

/** Keeps so many requests open, one to a connection, and counts answers. */
export async function loadHttp(port: number, body: string, concurrency: number, ms: number): Promise<Load> {
  const request = Buffer.from(
    'POST /v1/check HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n' +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
  const took: number[] = []
  const sockets = await Promise.all(Array.from({ length: concurrency }, () => open(port)))
  const began = process.cpuUsage()
  const started = performance.now()
  const until = started + ms
  await Promise.all(sockets.map((socket) => drive(socket, request, until, took)))
  const elapsed = performance.now() - started
  const used = process.cpuUsage(began)
  for (const socket of sockets) socket.destroy()
  return loadOf(took, elapsed, used)
}

/**
 * Keeps so many calls of a client under way, which pipelines them by itself.
 * @param ask is told which of so many it is who asks
 * @param rest what nobody waited for; it belongs to the load
 */
export async function loadCalls(
  ask: (no: number) => Promise<unknown>,
  concurrency: number,
  ms: number,
  rest: () => Promise<unknown> = async () => {},
): Promise<Load> {
  const took: number[] = []
  const began = process.cpuUsage()
  const started = performance.now()
  const until = started + ms
  await Promise.all(
    Array.from({ length: concurrency }, async (_, no) => {
      for (let at = performance.now(); at < until; ) {
        await ask(no)
        const now = performance.now()
        took.push(now - at)
        at = now
      }
    }),
  )
  await rest()
  return loadOf(took, performance.now() - started, process.cpuUsage(began))
}

function loadOf(took: number[], elapsed: number, { user, system }: NodeJS.CpuUsage): Load {
  took.sort((a, b) => a - b)
  return {
    count: took.length,
    cpu: 0,
    clientCpu: (user + system) / took.length,
    perSecond: (took.length * 1_000) / elapsed,
    p50: took[Math.floor(took.length * 0.5)]! * 1_000,
    p99: took[Math.floor(took.length * 0.99)]! * 1_000,
  }
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket))
    socket.on('error', reject)
  })
}

/** An answer is one chunk here: small, with its length, and nothing else is under way on its connection. */
function drive(socket: Socket, request: Buffer, until: number, took: number[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let at = performance.now()
    socket.on('data', (chunk: Buffer) => {
      if (chunk[9] !== 0x32) return reject(new Error(chunk.toString()))
      const now = performance.now()
      took.push(now - at)
      at = now
      if (now < until) socket.write(request)
      else resolve()
    })
    socket.write(request)
  })
}
