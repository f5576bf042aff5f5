import { randomBytes } from 'node:crypto'
import { type Log, SILENT } from '../../core/log.ts'
import { type Receiver, type ReceiverOptions, startReceiver } from '../../receiver/receiver.ts'
import { createAccess } from '../../schema/access.ts'
import type { TestDatabase } from './database.ts'
import { ExportTraceServiceRequest } from './otlp-proto.ts'
import { metricsOf, NOON_NANO, noon } from './usages.ts'

const LOOPBACK = { host: '127.0.0.1', port: 0 }

export const BODY_BYTES_MAX = 200_000

/** A receiver on free ports over a real database, at noon. */
export function testReceiver(db: TestDatabase, options: Partial<ReceiverOptions> = {}): Promise<Receiver> {
  return startReceiver({
    pool: db.pool,
    access: createAccess(db.pool, { open: true }),
    metrics: metricsOf(),
    log: SILENT,
    httpAddr: LOOPBACK,
    grpcAddr: LOOPBACK,
    bodyBytesMax: BODY_BYTES_MAX,
    now: () => noon(),
    ...options,
  })
}

/** A log that keeps what it is told. */
export function keepingLog(): Log & { readonly lines: { level: string; fields: object; message: string }[] } {
  const lines: { level: string; fields: object; message: string }[] = []
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, fields, message })
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** An attribute as OTLP/JSON has it. */
export function attribute(key: string, value: string | number | boolean): object {
  if (typeof value === 'string') return { key, value: { stringValue: value } }
  if (typeof value === 'boolean') return { key, value: { boolValue: value } }
  return { key, value: Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value } }
}

/** A model call in OTLP/JSON: 1,842 tokens in and 623 out unless `attributes` say otherwise. */
export function chatSpan(
  fields: object = {},
  attributes: Record<string, string | number | boolean> = {},
): object {
  const told = {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'anthropic',
    'gen_ai.request.model': 'claude-sonnet-4-5',
    'gen_ai.usage.input_tokens': 1842,
    'gen_ai.usage.output_tokens': 623,
    'aforo.customer.id': 'acme',
    ...attributes,
  }
  return {
    traceId: randomBytes(16).toString('hex'),
    spanId: randomBytes(8).toString('hex'),
    name: 'chat claude-sonnet-4-5',
    kind: 3,
    startTimeUnixNano: String(NOON_NANO),
    endTimeUnixNano: String(NOON_NANO + 1_000_000_000n),
    attributes: Object.entries(told).map(([key, value]) => attribute(key, value)),
    ...fields,
  }
}

/** An export request in OTLP/JSON. */
export function requestOf(...spans: object[]): { resourceSpans: object[] } {
  return { resourceSpans: [{ resource: {}, scopeSpans: [{ scope: { name: 'test' }, spans }] }] }
}

export function jsonOf(...spans: object[]): string {
  return JSON.stringify(requestOf(...spans))
}

/** The same as protobuf. */
export function protobufOf(...spans: object[]): Buffer {
  const inBytes = spans.map((span) => {
    const { traceId, spanId, ...rest } = span as { traceId: string; spanId: string }
    return { ...rest, traceId: Buffer.from(traceId, 'hex'), spanId: Buffer.from(spanId, 'hex') }
  })
  return Buffer.from(
    ExportTraceServiceRequest.encode(ExportTraceServiceRequest.fromObject(requestOf(...inBytes))).finish(),
  )
}

export async function journalled(db: TestDatabase): Promise<number> {
  const { rows } = await db.pool.query('select count(*)::int as count from aforo_store.usage_journal')
  return rows[0].count
}
