import type { Usage } from '../../core/usage.ts'
import type { CopyWriter } from '../../schema/copy-writer.ts'
import { journalMicros } from './journal-time.ts'

/** A column of the usage journal and how a usage fills it. */
export interface JournalColumn {
  readonly name: string
  readonly write: (to: CopyWriter, usage: Usage) => void
}

/** What a row says beside tenant, receipt and fingerprint, in the order it is written and hashed. */
export const COLUMNS: readonly JournalColumn[] = [
  { name: 'trace_id', write: (to, usage) => to.hex(usage.traceId) },
  { name: 'span_id', write: (to, usage) => to.hex(usage.spanId) },
  { name: 'time', write: (to, usage) => to.instant(journalMicros(usage.endNano)) },
  { name: 'parent_span_id', write: (to, usage) => to.hex(usage.parentSpanId) },
  { name: 'start_nano', write: (to, usage) => to.unsigned(usage.startNano) },
  { name: 'end_nano', write: (to, usage) => to.unsigned(usage.endNano) },
  { name: 'name', write: (to, usage) => to.text(usage.name) },
  { name: 'kind', write: (to, usage) => to.text(usage.kind) },
  { name: 'failed', write: (to, usage) => to.boolean(usage.failed) },
  { name: 'error_type', write: (to, usage) => to.text(usage.errorType) },
  { name: 'scope_name', write: (to, usage) => to.text(usage.scopeName) },
  { name: 'scope_version', write: (to, usage) => to.text(usage.scopeVersion) },
  { name: 'service_name', write: (to, usage) => to.text(usage.serviceName) },
  { name: 'service_instance', write: (to, usage) => to.text(usage.serviceInstance) },
  { name: 'class', write: (to, usage) => to.text(usage.usageClass) },
  { name: 'agent_boundary', write: (to, usage) => to.boolean(usage.agentBoundary) },
  { name: 'dialect', write: (to, usage) => to.text(usage.dialect) },
  { name: 'provider', write: (to, usage) => to.text(usage.provider) },
  { name: 'request_model', write: (to, usage) => to.text(usage.requestModel) },
  { name: 'response_model', write: (to, usage) => to.text(usage.responseModel) },
  { name: 'response_id', write: (to, usage) => to.text(usage.responseId) },
  { name: 'request_id', write: (to, usage) => to.text(usage.requestId) },
  { name: 'metered', write: (to, usage) => to.boolean(usage.metered) },
  { name: 'input_uncached', write: (to, usage) => to.whole(usage.buckets.inputUncached) },
  { name: 'cache_read', write: (to, usage) => to.whole(usage.buckets.cacheRead) },
  { name: 'cache_write', write: (to, usage) => to.whole(usage.buckets.cacheWrite) },
  { name: 'cache_write_1h', write: (to, usage) => to.whole(usage.buckets.cacheWrite1h) },
  { name: 'output_text', write: (to, usage) => to.whole(usage.buckets.outputText) },
  { name: 'output_reasoning', write: (to, usage) => to.whole(usage.buckets.outputReasoning) },
  { name: 'total_tokens', write: (to, usage) => to.whole(usage.totalTokens) },
  { name: 'input_convention', write: (to, usage) => to.text(usage.inputConvention) },
  { name: 'estimated', write: (to, usage) => to.boolean(usage.estimated) },
  { name: 'reasoning_parts', write: (to, usage) => to.integer(usage.reasoningParts) },
  { name: 'plan', write: (to, usage) => to.boolean(usage.plan) },
  { name: 'quantities', write: (to, usage) => orNone(to, usage.quantities, isEmpty(usage.quantities)) },
  { name: 'service_tier', write: (to, usage) => to.text(usage.serviceTier) },
  { name: 'region', write: (to, usage) => to.text(usage.region) },
  { name: 'reported_cost', write: (to, usage) => to.decimal(usage.reportedCost) },
  { name: 'reported_cost_key', write: (to, usage) => to.text(usage.reportedCostKey) },
  { name: 'tool_name', write: (to, usage) => to.text(usage.toolName) },
  { name: 'tool_call_id', write: (to, usage) => to.text(usage.toolCallId) },
  { name: 'tool_type', write: (to, usage) => to.text(usage.toolType) },
  { name: 'customer', write: (to, usage) => to.text(usage.customer) },
  { name: 'customer_fallback', write: (to, usage) => to.text(usage.customerFallback) },
  { name: 'product', write: (to, usage) => to.text(usage.product) },
  { name: 'session', write: (to, usage) => to.text(usage.session) },
  { name: 'session_fallback', write: (to, usage) => to.text(usage.sessionFallback) },
  { name: 'agent', write: (to, usage) => to.text(usage.agent) },
  { name: 'hold_id', write: (to, usage) => to.text(usage.holdId) },
  { name: 'anomalies', write: (to, usage) => orNone(to, usage.anomalies, usage.anomalies.length === 0) },
]

/** Every column of a row as it is sent: the three that do not count for the fingerprint first. */
export const COLUMN_NAMES: readonly string[] = [
  'tenant_id',
  'received_at',
  'fingerprint',
  ...COLUMNS.map((column) => column.name),
]

function orNone(to: CopyWriter, value: unknown, empty: boolean): void {
  if (empty) to.none()
  else to.json(value)
}

function isEmpty(record: object): boolean {
  for (const _ in record) return false
  return true
}
