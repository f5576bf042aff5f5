import type { Assembly } from './assembly.ts'
import type { SpanId, TenantId, TraceId } from './ids.ts'
import type { Anomaly } from './usage.ts'

/**
 * Why a trace was closed into a revision.
 *  root_ended  its root ended and it was quiet         idle       nothing came for the idle time
 *  max_age     it was open for too long                span_limit it grew too large
 *  late_span   spans came after an earlier cut         completed  a missing fact (price, customer) arrived
 *  newer_rules the rules of assembling count otherwise than those it was cut with
 */
export const CUT_REASONS = [
  'root_ended',
  'idle',
  'max_age',
  'span_limit',
  'late_span',
  'completed',
  'newer_rules',
] as const
export type CutReason = (typeof CUT_REASONS)[number]

/**
 *  pending       cut, not rated yet            rated       cost and price are known
 *  unattributed  no customer, or none of ours, or one without a plan: price unknown
 *  unpriced      some call or tool has no price row: cost unknown
 *  unmetered     some call's usage is unknown
 */
export const EVENT_STATUSES = ['pending', 'rated', 'unattributed', 'unpriced', 'unmetered'] as const
export type EventStatus = (typeof EVENT_STATUSES)[number]

/** The parts of an event's stack; `other` holds prices of meters that belong to none (traces, model calls, seconds). */
export const PARTS = ['prompt', 'reasoning', 'tools', 'output', 'other'] as const
export type Part = (typeof PARTS)[number]

/** The additive numbers of an event. In a table row: the difference to the revision before. */
export interface UsageTotals {
  readonly modelCalls: number
  readonly unmeteredCalls: number
  readonly toolCalls: number
  readonly reasoningSteps: number
  readonly inputTokens: number
  readonly cacheReadTokens: number
  readonly cacheWriteTokens: number
  readonly outputTokens: number
  readonly reasoningTokens: number
  readonly embeddingTokens: number
}

/** One revision of a billable event, as the cut writes it and the rating reads it. */
export interface EventRevision {
  readonly tenantId: TenantId
  readonly eventId: string
  readonly traceId: TraceId
  readonly revision: number
  readonly cutReason: CutReason
  /** RFC 3339. Start of the trace at its first cut: fixed for all revisions, it chooses period, prices and plan. */
  readonly time: string
  readonly recordedAt: string
  /** The whole trace as of this revision. */
  readonly assembly: Assembly
  readonly difference: UsageTotals
}

/** What of an assembly the API tells of spans and anomalies. */
export interface EventEvidence {
  readonly spanIds: readonly SpanId[]
  readonly anomalies: readonly Anomaly[]
}
