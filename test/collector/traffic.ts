import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { Client, credentials, Metadata, status } from '@grpc/grpc-js'
import { type TraceLiteral, toProtobuf, traceOf } from '../e2e/client.ts'

/** What one trace says of its model call. */
export interface Told {
  readonly traceId: string
  readonly input: number
  readonly output: number
  readonly literal: TraceLiteral
}

/** Ways in which a client exports. */
export type Way = 'protobuf' | 'json' | 'grpc'

const ATTEMPTS_MAX = 100
const PAUSE_MS = 50
const TIMEOUT_MS = 2_000
const EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'

/** Traces of a customer, of one model call each, no two with the same tokens. */
export function tracesOf(customer: string, count: number): readonly Told[] {
  return Array.from({ length: count }, (_, i) => {
    const tokens = { input: 1_000 + i * 7, output: 100 + i * 3 }
    const literal = traceOf({ customer, ...tokens })
    return { traceId: literal.traceId, ...tokens, literal }
  })
}

/**
 * Sends traces one by one as an exporter does: what is not taken is sent again, until it is.
 * @param host of a Collector, listening at the ports of OTLP
 */
export async function exportAll(host: string, way: Way, told: readonly Told[]): Promise<void> {
  for (const { literal } of told) await untilTaken(() => exportOnce(host, way, literal))
}

/** Resolves with whether the trace was acknowledged. */
export async function exportOnce(host: string, way: Way, literal: TraceLiteral): Promise<boolean> {
  if (way === 'grpc') return overGrpc(host, literal)
  const body = way === 'json' ? Buffer.from(JSON.stringify(literal.body)) : toProtobuf(literal)
  return post(host, way, body)
}

/** Sends an export request, compressed. Resolves with whether it was acknowledged. */
export async function post(host: string, encoding: 'protobuf' | 'json', body: Uint8Array): Promise<boolean> {
  const response = await fetch(`http://${host}:4318/v1/traces`, {
    method: 'POST',
    headers: {
      'content-type': encoding === 'json' ? 'application/json' : 'application/x-protobuf',
      'content-encoding': 'gzip',
    },
    body: new Uint8Array(await promisify(gzip)(body)),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch(() => null)
  // The body is read to its end, so that the connection is used again.
  await response?.arrayBuffer().catch(() => null)
  return response?.status === 200
}

async function untilTaken(send: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    if (await send()) return
    await sleep(PAUSE_MS)
  }
  throw new Error('the Collector does not take it')
}

async function overGrpc(host: string, literal: TraceLiteral): Promise<boolean> {
  const client = new Client(`${host}:4317`, credentials.createInsecure(), {
    'grpc.default_compression_algorithm': 2,
  })
  const asIs = (bytes: Buffer) => bytes
  try {
    return await new Promise((resolve) => {
      const deadline = { deadline: Date.now() + TIMEOUT_MS }
      const message = Buffer.from(toProtobuf(literal))
      client.makeUnaryRequest(EXPORT, asIs, asIs, message, new Metadata(), deadline, (error) =>
        resolve((error?.code ?? status.OK) === status.OK),
      )
    })
  } finally {
    client.close()
  }
}
