import { type AddressInfo, createServer, type Socket } from 'node:net'
import {
  type handleUnaryCall,
  type Metadata,
  Server,
  ServerCredentials,
  type ServerErrorResponse,
  status,
} from '@grpc/grpc-js'
import type { Address } from '../../../core/config.ts'
import { AforoError, asAforoError, type ErrorCode } from '../../../core/errors.ts'
import type { Log } from '../../../core/log.ts'
import type { Checker } from '../../checker.ts'
import type { Checkers } from '../../checkers.ts'
import type { Admission } from '../../server/admission.ts'
import type { DoorMetrics } from '../metrics.ts'
import { answerAuthorization, type OriginalHeaders } from './authorization.ts'
import {
  type AuthorizationRequest,
  type AuthorizationResponse,
  type HealthRequest,
  type HealthResponse,
  loadServices,
  type RateLimitRequest,
  type RateLimitResponse,
  SERVICES,
} from './messages.ts'
import { answerRateLimit } from './rate-limit.ts'

export const GRPC_CONNECTIONS_MAX = 4_096
/** A call: the headers of a request, and what of its body Envoy was told to send along, which is skipped. */
export const GRPC_BYTES_MAX = 1_048_576
const STREAMS_MAX = 1_024
/** What one connection may take of memory, in megabytes. */
const SESSION_MEGABYTES_MAX = 16
/** A connection that nobody uses is closed after this. */
const IDLE_MS_MAX = 300_000

const STATUS: Readonly<Record<ErrorCode, status>> = {
  invalid_argument: status.INVALID_ARGUMENT,
  unsupported_media_type: status.UNIMPLEMENTED,
  body_too_large: status.RESOURCE_EXHAUSTED,
  unauthenticated: status.UNAUTHENTICATED,
  permission_denied: status.PERMISSION_DENIED,
  not_found: status.NOT_FOUND,
  conflict: status.ABORTED,
  unavailable: status.UNAVAILABLE,
  internal: status.INTERNAL,
}

interface GrpcDoorsParts {
  readonly admission: Admission
  readonly checkers: Checkers
  readonly metrics: DoorMetrics
  readonly log: Log
  readonly isReady: () => Promise<boolean>
}

interface GrpcDoors {
  readonly port: number
  stop(graceMs: number): Promise<void>
}

/**
 * Listens for Envoy's gRPC: authorisation, rate limits, and health. A key comes in the metadata of the call, as Envoy's
 * `initial_metadata` puts it there; for an authorisation also in the headers of the original request.
 */
export async function startGrpcDoors(parts: GrpcDoorsParts, address: Address): Promise<GrpcDoors> {
  const { admission, checkers, metrics } = parts
  const checkerFor = async (metadata: Metadata, original?: OriginalHeaders): Promise<Checker> => {
    const authorization = keyOf((name) => first(metadata, name)) ?? keyOf((name) => original?.get(name))
    const tenantHeader = first(metadata, 'x-aforo-tenant')
    return checkers.of(await admission.admit({ authorization, tenantHeader }, 'check'))
  }
  const server = new Server({
    'grpc.max_receive_message_length': GRPC_BYTES_MAX,
    'grpc.max_concurrent_streams': STREAMS_MAX,
    'grpc.max_connection_idle_ms': IDLE_MS_MAX,
    'grpc-node.max_session_memory': SESSION_MEGABYTES_MAX,
  })
  const services = loadServices()
  server.addService(services.authorization, {
    Check: unary<AuthorizationRequest, AuthorizationResponse>(parts, (request, metadata) =>
      answerAuthorization(request, (original) => checkerFor(metadata, original), metrics),
    ),
  })
  server.addService(services.rateLimit, {
    ShouldRateLimit: unary<RateLimitRequest, RateLimitResponse>(parts, async (request, metadata) =>
      answerRateLimit(request, await checkerFor(metadata), metrics),
    ),
  })
  server.addService(services.health, {
    Check: unary<HealthRequest, HealthResponse>(parts, async ({ service = '' }) => {
      if (service !== '' && !(Object.values(SERVICES) as string[]).includes(service)) {
        throw new AforoError('not_found', 'there is no such service')
      }
      return { status: (await parts.isReady()) ? 'SERVING' : 'NOT_SERVING' }
    }),
  })
  return listen(server, address)
}

/** The library bounds no connections: they are taken here and handed over. */
async function listen(server: Server, address: Address): Promise<GrpcDoors> {
  const sockets = new Set<Socket>()
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
  const listener = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    injector.injectConnection(socket)
  })
  listener.maxConnections = GRPC_CONNECTIONS_MAX
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject)
    listener.listen(address.port, address.host, resolve)
  })
  return {
    port: (listener.address() as AddressInfo).port,
    stop: (graceMs) =>
      new Promise((resolve) => {
        const late = setTimeout(() => {
          for (const socket of sockets) socket.destroy()
        }, graceMs)
        listener.close(() => {
          clearTimeout(late)
          server.forceShutdown()
          resolve()
        })
        injector.drain(graceMs)
      }),
  }
}

function unary<Request, Response>(
  { log, metrics }: GrpcDoorsParts,
  answer: (request: Request, metadata: Metadata) => Promise<Response>,
): handleUnaryCall<Request, Response> {
  return ({ request, metadata }, done) => {
    answer(request, metadata).then(
      (response) => done(null, response),
      (thrown: unknown) => {
        const { code, message } = asAforoError(thrown)
        if (code === 'internal') log.error({ err: thrown }, 'gRPC call failed')
        metrics.answered('grpc', code)
        const details = code === 'internal' ? 'something went wrong; it was logged' : message
        done({ code: STATUS[code], details } as ServerErrorResponse)
      },
    )
  }
}

function keyOf(header: (name: string) => string | undefined): string | undefined {
  const key = header('x-aforo-key')
  return key ? `Bearer ${key}` : header('authorization')
}

function first(metadata: Metadata, name: string): string | undefined {
  const [value] = metadata.get(name)
  return typeof value === 'string' ? value : undefined
}
