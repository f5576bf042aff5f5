import type { Assembly } from './assembly.ts'
import type { TenantId, TraceId } from './ids.ts'

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

/** The additive numbers of an event, by the columns that hold them. */
export const TOTAL_COLUMNS = {
  modelCalls: 'model_calls',
  unmeteredCalls: 'unmetered_calls',
  toolCalls: 'tool_calls',
  reasoningSteps: 'reasoning_steps',
  inputTokens: 'input_tokens',
  cacheReadTokens: 'cache_read_tokens',
  cacheWriteTokens: 'cache_write_tokens',
  outputTokens: 'output_tokens',
  reasoningTokens: 'reasoning_tokens',
  embeddingTokens: 'embedding_tokens',
} as const

/** What they come to. In a table row: the difference to the revision before. */
export type UsageTotals = Readonly<Record<keyof typeof TOTAL_COLUMNS, number>>

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
