import { once } from 'node:events'
import type { Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { Registry } from 'prom-client'
import { memoryCentre } from '../../bench/check-centre.ts'
import { SILENT } from '../../core/log.ts'
import type { Centre } from '../../sidecar/centre/centre.ts'
import { Checkers } from '../../sidecar/checkers.ts'
import { createCheckMetrics } from '../../sidecar/metrics.ts'
import { Admission } from '../../sidecar/server/admission.ts'
import { createCheckServer } from '../../sidecar/server/check-server.ts'
import { DecisionStreams } from '../../sidecar/server/decision-streams.ts'
import { Frames } from '../../sidecar/server/frames.ts'
import type { PlainParts } from '../../sidecar/server/plain-connection.ts'
import { PlainRequests } from '../../sidecar/server/plain-requests.ts'

/**
 * A check server over a centre in memory; unless a clock is given at an instant that does not pass, so that it says the
 * same to the same.
 */
export interface StillServer {
  readonly server: Server
  readonly plain: PlainRequests
  readonly port: number
  stop(): Promise<void>
}

type Limits = Partial<Pick<PlainParts, 'idleMs' | 'plainMs'>>

export async function startStill(
  way: 'plain' | 'node:http',
  over: Partial<Centre> = {},
  limits: Limits = {},
  clock: () => number = () => 1_000,
): Promise<StillServer> {
  const registry = new Registry()
  const metrics = createCheckMetrics(registry)
  const centre = { ...memoryCentre(), ...over }
  const checkers = new Checkers({ centre, sidecarId: 'still', clock, log: SILENT, metrics })
  const admission = new Admission(centre.access, clock)
  const parts = { admission, checkers, metrics, log: SILENT }
  const plain = new PlainRequests({ ...parts, idleMs: 75_000, ...limits })
  const streams = new DecisionStreams(metrics)
  const frames = new Frames(parts)
  const isReady = async () => true
  const all = { ...parts, centre, streams, frames, registry, isReady }
  const server = createCheckServer(way === 'plain' ? { ...all, plain } : all)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    server,
    plain,
    port: (server.address() as AddressInfo).port,
    async stop() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await Promise.all([plain.stop(0), frames.stop(0), checkers.stop()])
      await closed
    },
  }
}

export interface Answers {
  /** All that came, with another date. */
  readonly text: string
  /** Whether the connection broke: what was under way then may be lost. */
  readonly isBroken: boolean
}

/** Sends chunks, each a while after the other, and takes all that is answered until the connection is closed. */
export async function exchange(port: number, chunks: readonly Buffer[]): Promise<Answers> {
  const asker = await open(port)
  for (const chunk of chunks) {
    if (asker.socket.destroyed) break
    asker.socket.write(chunk)
    await new Promise(setImmediate)
  }
  await asker.closed
  return { text: asker.text(), isBroken: asker.isBroken() }
}

export interface Asker {
  readonly socket: Socket
  readonly closed: Promise<void>
  text(): string
  isBroken(): boolean
  /** Waits until so many answers came. */
  answers(count: number): Promise<void>
}

export async function open(port: number): Promise<Asker> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  const chunks: Buffer[] = []
  let isBroken = false
  let wake = () => {}
  socket.on('data', (chunk) => {
    chunks.push(chunk)
    wake()
  })
  socket.on('error', () => {
    isBroken = true
  })
  const closed = new Promise<void>((resolve) =>
    socket.on('close', () => {
      wake()
      resolve()
    }),
  )
  const text = () =>
    Buffer.concat(chunks)
      .toString('utf8')
      .replace(/Date: [^\r]*/g, 'Date: now')
  return {
    socket,
    closed,
    text,
    isBroken: () => isBroken,
    async answers(count) {
      while (text().split('HTTP/1.1 ').length <= count && !socket.destroyed) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
  }
}

/** A check as a client sends it. */
export function checkOf(body: unknown, headers: readonly string[] = []): string {
  return postOf('/v1/check', body, headers)
}

/** The end of a hold as a client sends it. */
export function endOf(
  holdId: string,
  verb: 'settle' | 'release',
  body: unknown,
  headers: readonly string[] = [],
): string {
  return postOf(`/v1/holds/${holdId}/${verb}`, body, headers)
}

function postOf(path: string, body: unknown, headers: readonly string[]): string {
  const json = typeof body === 'string' ? body : JSON.stringify(body)
  const lines = ['host: aforo', ...headers, `content-length: ${Buffer.byteLength(json)}`]
  return `POST ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${json}`
}
