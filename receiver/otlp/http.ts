import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Address } from '../../core/config.ts'
import { AforoError, asAforoError } from '../../core/errors.ts'
import { type Accepted, type Encoding, exportResponse, MEDIA_TYPES, statusBody } from './answer.ts'
import { readBody } from './body.ts'
import { DROPPED_SIGNALS, droppedSignal, type OtlpParts, type OtlpServer, STOP_GRACE_MS } from './endpoint.ts'
import { CODINGS, inflate } from './inflate.ts'
import { METHOD_NOT_ALLOWED, statusOf, toldMessage, type WireStatus } from './status.ts'

/** Longer than a load balancer keeps an idle connection, so that it is never we who close under a request. */
const KEEP_ALIVE_MS = 75_000
const HEADERS_MS_MAX = 80_000
const REQUEST_MS_MAX = 120_000
export const CONNECTIONS_MAX = 4_096
/** While it stops: how soon a connection that was just answered is closed. */
const IDLE_LOOK_MS = 20

const TRACES = 'traces'

/** Signal by path. */
const PATHS: ReadonlyMap<string, string> = new Map([
  ['/v1/traces', TRACES],
  ...DROPPED_SIGNALS.map((signal) => [`/v1/${signal}`, signal] as const),
  ['/v1development/profiles', 'profiles'],
])

/** Listens for OTLP/HTTP: protobuf and JSON, told apart by content type. */
export async function startHttp(parts: OtlpParts, address: Address): Promise<OtlpServer> {
  const server = createServer(
    { keepAliveTimeout: KEEP_ALIVE_MS, headersTimeout: HEADERS_MS_MAX, requestTimeout: REQUEST_MS_MAX },
    (request, response) => void answer(parts, request, response),
  )
  server.maxConnections = CONNECTIONS_MAX
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(address.port, address.host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    stop: (graceMs = STOP_GRACE_MS) =>
      new Promise((resolve) => {
        const late = setTimeout(() => server.closeAllConnections(), graceMs)
        const idle = setInterval(() => server.closeIdleConnections(), IDLE_LOOK_MS)
        server.close(() => {
          clearTimeout(late)
          clearInterval(idle)
          resolve()
        })
      }),
  }
}

/** Never throws: whatever goes wrong becomes an answer in the language of the request. */
async function answer(parts: OtlpParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const encoding = encodingOf(request)
  const reservation = parts.inFlight.open()
  try {
    const accepted = await take(parts, request, encoding, reservation)
    send(response, 200, exportResponse(accepted, encoding!), encoding!)
  } catch (error) {
    const fault = asAforoError(error)
    if (fault.code === 'internal') parts.log.error({ err: error, path: request.url }, 'export request failed')
    parts.metrics.refused.inc({ code: fault.code })
    refuse(response, fault, encoding ?? 'json')
  } finally {
    reservation.release()
  }
}

async function take(
  parts: OtlpParts,
  request: IncomingMessage,
  encoding: Encoding | null,
  reservation: ReturnType<OtlpParts['inFlight']['open']>,
): Promise<Accepted> {
  const { headers } = request
  parts.log.debug({ agent: headers['user-agent'], path: request.url }, 'export request')
  const signal = PATHS.get(pathOf(request.url ?? ''))
  if (signal === undefined) throw new AforoError('not_found', 'there is /v1/traces, /v1/logs and /v1/metrics')
  if (request.method !== 'POST') throw new MethodNotAllowed()
  if (encoding === null)
    throw new AforoError('unsupported_media_type', `content-type must be one of ${mediaTypes()}`)
  const tenant = await parts.access.authorise(
    { authorization: headers.authorization, tenantHeader: single(headers['x-aforo-tenant']) },
    'ingest',
  )
  const sent = await readBody(request, parts.bodyBytesMax, reservation)
  if (signal !== TRACES) return droppedSignal(signal)
  const body = await inflate(sent, headers['content-encoding'], parts.bodyBytesMax, reservation)
  return parts.accept(tenant, body, encoding)
}

class MethodNotAllowed extends AforoError {
  constructor() {
    super('invalid_argument', 'only POST is answered here')
  }
}

function refuse(response: ServerResponse, fault: AforoError, encoding: Encoding): void {
  const status = fault instanceof MethodNotAllowed ? METHOD_NOT_ALLOWED : statusOf(fault)
  if (status === METHOD_NOT_ALLOWED) response.setHeader('allow', 'POST')
  if (status.http === 415) response.setHeader('accept-encoding', CODINGS)
  if (status.retryAfterSeconds !== null) response.setHeader('retry-after', String(status.retryAfterSeconds))
  send(response, status.http, statusBody(status, toldMessage(fault), fault.faults, encoding), encoding)
}

function send(response: ServerResponse, http: WireStatus['http'], body: Buffer, encoding: Encoding): void {
  if (response.destroyed || response.headersSent) return
  response.writeHead(http, { 'content-type': MEDIA_TYPES[encoding], 'content-length': body.length })
  // An empty buffer would be written by itself.
  if (body.length === 0) response.end()
  else response.end(body)
}

/** Null for a media type we do not read. Parameters such as a charset say nothing. */
function encodingOf(request: IncomingMessage): Encoding | null {
  const given = request.headers['content-type'] ?? ''
  if (given === MEDIA_TYPES.protobuf) return 'protobuf'
  const mediaType = given.split(';', 1)[0]!.trim().toLowerCase()
  if (mediaType === MEDIA_TYPES.protobuf || mediaType === 'application/protobuf') return 'protobuf'
  return mediaType === MEDIA_TYPES.json ? 'json' : null
}

function pathOf(url: string): string {
  const query = url.indexOf('?')
  return query < 0 ? url : url.slice(0, query)
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header
}

function mediaTypes(): string {
  return Object.values(MEDIA_TYPES).join(', ')
}
