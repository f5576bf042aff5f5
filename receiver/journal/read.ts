import type { SpanKind } from '../../core/span.ts'
import type { Anomaly, InputConvention, TokenBuckets, Usage, UsageClass } from '../../core/usage.ts'

/** A journal row as `USAGE_COLUMNS` selects it: integers as text, ids in hex. */
export type UsageRow = Readonly<Record<string, unknown>>

/** What to select of `usage_journal j` for `usageOfRow`, whatever type parsers the connection has. */
export const USAGE_COLUMNS = `
  encode(j.trace_id, 'hex') as trace_id, encode(j.span_id, 'hex') as span_id,
  coalesce(encode(j.parent_span_id, 'hex'), '') as parent_span_id,
  j.start_nano::text as start_nano, j.end_nano::text as end_nano,
  j.name, j.kind, j.failed, j.error_type, j.scope_name, j.scope_version, j.service_name, j.service_instance,
  j.class, j.agent_boundary, j.dialect, j.provider, j.request_model, j.response_model, j.response_id, j.request_id,
  j.metered,
  j.input_uncached::text as input_uncached, j.cache_read::text as cache_read, j.cache_write::text as cache_write,
  j.cache_write_1h::text as cache_write_1h, j.output_text::text as output_text,
  j.output_reasoning::text as output_reasoning, j.total_tokens::text as total_tokens,
  j.input_convention, j.estimated, j.reasoning_parts, j.plan, j.quantities, j.service_tier, j.region,
  j.reported_cost::text as reported_cost, j.reported_cost_key, j.tool_name, j.tool_call_id, j.tool_type,
  j.customer, j.customer_fallback, j.product, j.session, j.session_fallback, j.agent, j.hold_id, j.anomalies`

/** The usage a journal row was written from. */
export function usageOfRow(row: UsageRow): Usage {
  return {
    traceId: text(row.trace_id),
    spanId: text(row.span_id),
    parentSpanId: text(row.parent_span_id),
    name: text(row.name),
    kind: row.kind as SpanKind,
    failed: row.failed as boolean,
    errorType: textOrNull(row.error_type),
    startNano: unsigned(row.start_nano),
    endNano: unsigned(row.end_nano),
    scopeName: text(row.scope_name),
    scopeVersion: text(row.scope_version),
    serviceName: textOrNull(row.service_name),
    serviceInstance: textOrNull(row.service_instance),
    usageClass: row.class as UsageClass,
    agentBoundary: row.agent_boundary as boolean,
    dialect: text(row.dialect),
    provider: textOrNull(row.provider),
    requestModel: textOrNull(row.request_model),
    responseModel: textOrNull(row.response_model),
    responseId: textOrNull(row.response_id),
    requestId: textOrNull(row.request_id),
    metered: row.metered as boolean,
    buckets: bucketsOfRow(row),
    totalTokens: row.total_tokens === null ? null : Number(row.total_tokens),
    inputConvention: row.input_convention as InputConvention,
    estimated: row.estimated as boolean,
    reasoningParts: row.reasoning_parts as number | null,
    plan: row.plan as boolean,
    quantities: (row.quantities ?? {}) as Record<string, number>,
    serviceTier: textOrNull(row.service_tier),
    region: textOrNull(row.region),
    reportedCost: textOrNull(row.reported_cost),
    reportedCostKey: textOrNull(row.reported_cost_key),
    toolName: textOrNull(row.tool_name),
    toolCallId: textOrNull(row.tool_call_id),
    toolType: textOrNull(row.tool_type),
    customer: textOrNull(row.customer),
    customerFallback: textOrNull(row.customer_fallback),
    product: textOrNull(row.product),
    session: textOrNull(row.session),
    sessionFallback: textOrNull(row.session_fallback),
    agent: textOrNull(row.agent),
    holdId: textOrNull(row.hold_id),
    anomalies: (row.anomalies ?? []) as Anomaly[],
  }
}

/** The buckets of a row of any table that has them. */
export function bucketsOfRow(row: Readonly<Record<string, unknown>>): TokenBuckets {
  return {
    inputUncached: Number(row.input_uncached),
    cacheRead: Number(row.cache_read),
    cacheWrite: Number(row.cache_write),
    cacheWrite1h: Number(row.cache_write_1h),
    outputText: Number(row.output_text),
    outputReasoning: Number(row.output_reasoning),
  }
}

function text(value: unknown): string {
  return value as string
}

function textOrNull(value: unknown): string | null {
  return value as string | null
}

/** The table holds the bits of an unsigned number in a signed one. */
function unsigned(value: unknown): bigint {
  return BigInt.asUintN(64, BigInt(value as string))
}
