import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { Client, credentials, Metadata } from '@grpc/grpc-js'
import { ExportTraceServiceRequest } from '../support/otlp-proto.ts'

/** One trace with a model call, as OTLP/JSON. */
export interface TraceLiteral {
  readonly traceId: string
  readonly body: object
}

export interface TraceOptions {
  readonly customer?: string
  /** Null: the call says nothing of what it used. */
  readonly input?: number | null
  readonly output?: number
  readonly model?: string
  readonly session?: string
  /** Milliseconds before now at which it ended. */
  readonly agoMs?: number
}

/** A root agent span and a model call under it, ending now. */
export function traceOf(options: TraceOptions = {}): TraceLiteral {
  const traceId = randomBytes(16).toString('hex')
  const root = randomBytes(8).toString('hex')
  const end = Date.now() - (options.agoMs ?? 0)
  const { input = 1000, output = 100, session } = options
  const usage: Record<string, number> =
    input === null ? {} : { 'gen_ai.usage.input_tokens': input, 'gen_ai.usage.output_tokens': output }
  const spans = [
    span(traceId, root, '', 'invoke_agent', end, {
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.name': 'triage',
      'aforo.customer.id': options.customer ?? 'acme',
      ...(session === undefined ? {} : { 'session.id': session }),
    }),
    span(traceId, randomBytes(8).toString('hex'), root, 'chat', end, {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'anthropic',
      'gen_ai.request.model': options.model ?? 'claude-sonnet-4-5',
      ...usage,
    }),
  ]
  return {
    traceId,
    body: { resourceSpans: [{ resource: {}, scopeSpans: [{ scope: { name: 'e2e' }, spans }] }] },
  }
}

function span(
  traceId: string,
  spanId: string,
  parentSpanId: string,
  name: string,
  endMs: number,
  attributes: Record<string, string | number>,
): object {
  return {
    traceId,
    spanId,
    ...(parentSpanId ? { parentSpanId } : {}),
    name,
    kind: 3,
    startTimeUnixNano: `${endMs - 500}000000`,
    endTimeUnixNano: `${endMs}000000`,
    attributes: Object.entries(attributes).map(([key, value]) => ({
      key,
      value: typeof value === 'string' ? { stringValue: value } : { intValue: String(value) },
    })),
  }
}

/** Sends a trace over OTLP/HTTP as JSON. */
export async function sendJson(
  port: number,
  trace: TraceLiteral,
  zipped = false,
  more: Record<string, string> = {},
): Promise<Response> {
  const json = JSON.stringify(trace.body)
  return fetch(`http://127.0.0.1:${port}/v1/traces`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(zipped ? { 'content-encoding': 'gzip' } : {}),
      ...more,
    },
    body: zipped ? new Uint8Array(await promisify(gzip)(json)) : json,
  })
}

/** Sends a trace over OTLP/HTTP as protobuf. */
export async function sendProtobuf(port: number, trace: TraceLiteral, zipped = false): Promise<Response> {
  const bytes = toProtobuf(trace)
  return fetch(`http://127.0.0.1:${port}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf', ...(zipped ? { 'content-encoding': 'gzip' } : {}) },
    body: zipped ? new Uint8Array(await promisify(gzip)(bytes)) : bytes,
  })
}

/** Sends a trace over OTLP/gRPC with grpc-js; resolves with the answer's bytes. */
export async function sendGrpc(port: number, trace: TraceLiteral, zipped = false): Promise<Buffer> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.default_compression_algorithm': zipped ? 2 : 0,
  })
  try {
    return await new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        Buffer.from(toProtobuf(trace)),
        new Metadata(),
        { deadline: Date.now() + 60_000 },
        (error, answer) => (error ? reject(error) : resolve(answer!)),
      )
    })
  } finally {
    client.close()
  }
}

/** An export request as protobuf. */
export function toProtobuf(trace: TraceLiteral): Uint8Array<ArrayBuffer> {
  const bytesOfHex = (key: string, value: unknown) =>
    /^(traceId|spanId|parentSpanId)$/.test(key) ? Buffer.from(String(value), 'hex').toString('base64') : value
  const body = JSON.parse(JSON.stringify(trace.body, bytesOfHex))
  return new Uint8Array(ExportTraceServiceRequest.encode(ExportTraceServiceRequest.fromObject(body)).finish())
}

/** The API as JSON; throws on any other status than the one expected. */
export async function api(port: number, method: string, path: string, body?: unknown): Promise<never> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`)
  return JSON.parse(text) as never
}

/** Asks again and again until the answer is there, at most a minute. */
export async function until<T>(ask: () => Promise<T | null | undefined | false>): Promise<T> {
  const deadline = performance.now() + 60_000
  for (;;) {
    const answer = await ask()
    if (answer) return answer
    if (performance.now() > deadline) throw new Error('not in time')
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}
