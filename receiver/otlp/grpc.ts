import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
} from '@grpc/grpc-js'
import type { Address } from '../../core/config.ts'
import { type AforoError, asAforoError } from '../../core/errors.ts'
import { type Accepted, exportResponse, statusBody } from './answer.ts'
import { droppedSignal, type OtlpParts, type OtlpServer, STOP_GRACE_MS } from './endpoint.ts'
import { healthReports } from './health.ts'
import { statusOf, toldMessage } from './status.ts'

/** A sender's connection is renewed now and then, so that its load moves when receivers come and go. */
const CONNECTION_AGE_MS_MAX = 600_000
const CONNECTION_AGE_GRACE_MS = 30_000
const STREAMS_PER_CONNECTION_MAX = 128

const PACKAGE = 'opentelemetry.proto.collector'

type Call = ServerUnaryCall<Buffer, Buffer>

/** Services by signal. Traces are kept; the others are answered so that a whole SDK may point here. */
const SERVICES = {
  traces: `/${PACKAGE}.trace.v1.TraceService/Export`,
  logs: `/${PACKAGE}.logs.v1.LogsService/Export`,
  metrics: `/${PACKAGE}.metrics.v1.MetricsService/Export`,
} as const

/** Listens for OTLP/gRPC. Messages stay bytes until our own decoder walks them. */
export async function startGrpc(parts: OtlpParts, address: Address): Promise<OtlpServer> {
  const server = new Server({
    'grpc.max_receive_message_length': parts.bodyBytesMax,
    'grpc.max_connection_age_ms': CONNECTION_AGE_MS_MAX,
    'grpc.max_connection_age_grace_ms': CONNECTION_AGE_GRACE_MS,
    'grpc.max_concurrent_streams': STREAMS_PER_CONNECTION_MAX,
  })
  for (const [signal, path] of Object.entries(SERVICES)) {
    server.addService(unary(path), {
      export: (call: Call, reply: sendUnaryData<Buffer>) => void answer(parts, signal, call, reply),
    })
  }
  const health = healthReports()
  server.addService(health.service, health.methods)
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${host}:${address.port}`, ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    )
  })
  return {
    port,
    stop: (graceMs = STOP_GRACE_MS) =>
      new Promise((resolve) => {
        health.stop()
        const late = setTimeout(() => server.forceShutdown(), graceMs)
        server.tryShutdown(() => {
          clearTimeout(late)
          resolve()
        })
      }),
  }
}

function unary(path: string): ServiceDefinition {
  const asIs = (bytes: Buffer) => bytes
  return {
    export: {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  }
}

/** Never throws: grpc-js would make UNKNOWN of it, and the sender would drop its data. */
async function answer(
  parts: OtlpParts,
  signal: string,
  call: Call,
  reply: sendUnaryData<Buffer>,
): Promise<void> {
  const reservation = parts.inFlight.open()
  try {
    reservation.grow(call.request.length)
    reply(null, exportResponse(await take(parts, signal, call), 'protobuf'))
  } catch (error) {
    const fault = asAforoError(error)
    if (fault.code === 'internal')
      parts.log.error({ err: error, path: call.getPath() }, 'export request failed')
    parts.metrics.refused.inc({ code: fault.code })
    reply(refusal(fault))
  } finally {
    reservation.release()
  }
}

async function take(parts: OtlpParts, signal: string, call: Call): Promise<Accepted> {
  const { metadata } = call
  parts.log.debug({ agent: text(metadata, 'user-agent'), path: call.getPath() }, 'export request')
  const tenant = await parts.access.authorise(
    { authorization: text(metadata, 'authorization'), tenantHeader: text(metadata, 'x-aforo-tenant') },
    'ingest',
  )
  return signal === 'traces' ? parts.accept(tenant, call.request, 'protobuf') : droppedSignal(signal)
}

/** The fault as a status of gRPC, google.rpc.Status with RetryInfo in its trailer. */
function refusal(fault: AforoError): { code: number; details: string; metadata: Metadata } {
  const status = statusOf(fault)
  const message = toldMessage(fault)
  const metadata = new Metadata()
  metadata.set('grpc-status-details-bin', statusBody(status, message, fault.faults, 'protobuf'))
  return { code: status.grpc, details: message, metadata }
}

function text(metadata: Metadata, key: string): string | undefined {
  const value = metadata.get(key)[0]
  return value === undefined ? undefined : String(value)
}
