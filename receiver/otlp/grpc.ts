import {
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Address } from '../../core/config.ts'
import { AforoError, asAforoError } from '../../core/errors.ts'
import { type Accepted, exportResponse } from './answer.ts'
import { droppedSignal, type OtlpParts, type OtlpServer, STOP_GRACE_MS } from './endpoint.ts'
import { readMessage } from './grpc-message.ts'
import { refuse, refuseHttp, reply } from './grpc-reply.ts'
import { GrpcSessions } from './grpc-sessions.ts'
import { HealthReports } from './health.ts'
import type { Reservation } from './in-flight.ts'
import { inflate } from './inflate.ts'

/** From the headers of a call to the end of its message. */
const CALL_MS_MAX = 120_000
export const CONNECTIONS_MAX = 4_096
/** Calls of one connection that are not answered yet. */
export const CALLS_AT_ONCE_MAX = 128
/** Headers of a call, those included that begin with a colon. */
export const HEADER_PAIRS_MAX = 128

/**
 * What one connection may do to us. Resets in quick succession are bounded by the library itself, and so are streams for
 * which it has no memory; calls beyond those at once count as invalid frames. Settings hold once a sender has agreed to
 * them; before that its headers may be as long as the library allows, 64 KiB.
 */
const LIMITS: ServerOptions = {
  maxSessionInvalidFrames: 100,
  maxHeaderListPairs: HEADER_PAIRS_MAX,
  settings: {
    enablePush: false,
    initialWindowSize: 1_048_576,
    maxConcurrentStreams: CALLS_AT_ONCE_MAX,
    maxHeaderListSize: 16_384,
  },
}

/** Signal by path. Traces are kept; the others are answered so that a whole SDK may point here. */
const SIGNALS: ReadonlyMap<string, string> = new Map(
  ['trace', 'logs', 'metrics'].map((name) => {
    const service = `${name[0]!.toUpperCase()}${name.slice(1)}Service`
    return [
      `/opentelemetry.proto.collector.${name}.v1.${service}/Export`,
      name === 'trace' ? 'traces' : name,
    ] as const
  }),
)

const MEDIA_TYPE = /^application\/grpc(\+proto)?\s*(;|$)/i

/**
 * Listens for OTLP/gRPC: unary calls over HTTP/2, whose one message is gathered into one buffer for our own decoder.
 * There is no TLS and no compression of answers.
 */
export async function startGrpc(parts: OtlpParts, address: Address): Promise<OtlpServer> {
  const server = createServer(LIMITS)
  server.maxConnections = CONNECTIONS_MAX
  const health = new HealthReports()
  const sessions = new GrpcSessions(server)
  server.on('stream', (stream, headers) => {
    // A sender that goes away is told of by the end of its stream.
    stream.on('error', () => {})
    if (headers[':method'] !== 'POST') refuseHttp(stream, 405)
    else if (!MEDIA_TYPE.test(headers['content-type'] ?? '')) refuseHttp(stream, 415)
    else route(parts, health, stream, headers)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(address.port, address.host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    stop: (graceMs = STOP_GRACE_MS) =>
      new Promise((resolve) => {
        const late = setTimeout(() => sessions.destroy(), graceMs)
        server.close(() => {
          clearTimeout(late)
          resolve()
        })
        health.stop()
        sessions.close()
      }),
  }
}

function route(
  parts: OtlpParts,
  health: HealthReports,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
): void {
  const path = headers[':path'] ?? ''
  const signal = SIGNALS.get(path)
  if (signal !== undefined) void answer(parts, signal, stream, headers)
  else if (path === '/grpc.health.v1.Health/Check') health.check(stream)
  else if (path === '/grpc.health.v1.Health/Watch') health.watch(stream)
  else refuse(stream, new AforoError('unsupported_media_type', `there is no ${path}`))
}

/** Never throws: whatever goes wrong becomes a status. A deadline is the sender's: it resets the call. */
async function answer(
  parts: OtlpParts,
  signal: string,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
): Promise<void> {
  const reservation = parts.inFlight.open()
  try {
    reply(stream, exportResponse(await take(parts, signal, stream, headers, reservation), 'protobuf'))
  } catch (error) {
    const fault = asAforoError(error)
    if (fault.code === 'internal')
      parts.log.error({ err: error, path: headers[':path'] }, 'export request failed')
    parts.metrics.refused.inc({ code: fault.code })
    refuse(stream, fault)
  } finally {
    reservation.release()
  }
}

async function take(
  parts: OtlpParts,
  signal: string,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  reservation: Reservation,
): Promise<Accepted> {
  parts.log.debug({ agent: headers['user-agent'], path: headers[':path'] }, 'export request')
  const late = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), CALL_MS_MAX)
  try {
    const tenant = await parts.access.authorise(
      { authorization: headers.authorization, tenantHeader: single(headers['x-aforo-tenant']) },
      'ingest',
    )
    const message = await readMessage(stream, parts.bodyBytesMax, reservation)
    clearTimeout(late)
    if (signal !== 'traces') return droppedSignal(signal)
    if (!message.isCompressed) return await parts.accept(tenant, message.bytes, 'protobuf')
    const coding = single(headers['grpc-encoding'])
    const body = await inflate(message.bytes, coding, parts.bodyBytesMax, reservation)
    return await parts.accept(tenant, body, 'protobuf')
  } finally {
    clearTimeout(late)
  }
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header
}
