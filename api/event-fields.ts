import { z } from 'zod'
import { CUT_REASONS, EVENT_STATUSES, PARTS } from '../core/event.ts'
import { decimal } from './fields.ts'

/** The billable event as it is answered: its type, and its part of the OpenAPI document. */

const money = decimal.nullable()
const count = z.int()
const time = z.iso.datetime()

const stackPart = z.object({
  part: z.enum(PARTS),
  quantity: decimal,
  unit: z.string().describe('token, step or call; for `other` the meter'),
  cogs: money,
  price: money,
})

const modelShare = z.object({
  provider: z.string().nullable(),
  model: z.string().nullable(),
  calls: count,
  cogs: money,
  price: money,
  price_row_ids: z.array(z.string()),
})

const toolShare = z.object({
  tool: z.string().nullable(),
  calls: count,
  cogs: money,
  price: money,
  price_row_ids: z.array(z.string()),
})

export const billableEventFields = z.object({
  event_id: z.string(),
  trace_id: z.string().describe('of an event of a session: its first trace'),
  trace_ids: z
    .array(z.string())
    .describe('one, but for the events of sessions, in the order of their starts'),
  revision: count,
  difference: z
    .literal(true)
    .optional()
    .describe('On rows of `?revisions=all`: every number is the difference to the revision before.'),
  cut_reason: z.string().describe(`one of ${CUT_REASONS.join(', ')}`),
  status: z.enum(EVENT_STATUSES),
  customer: z.string().nullable(),
  product: z.string().nullable(),
  agent: z.string().nullable(),
  session: z.string().nullable(),
  time: time.describe(
    'Start of the trace at its first cut; the same for all revisions, and what from and to mean.',
  ),
  started_at: time,
  ended_at: time,
  duration_ms: count,
  model_calls: count,
  unmetered_calls: count,
  tool_calls: count,
  reasoning_steps: count,
  usage: z.object({
    input_tokens: decimal.describe('cache reads and writes included'),
    cache_read_tokens: decimal,
    cache_write_tokens: decimal,
    output_tokens: decimal.describe('reasoning included'),
    reasoning_tokens: decimal,
    embedding_tokens: decimal,
  }),
  stack: z
    .array(stackPart)
    .describe('prompt, reasoning, tools, output, in this order; then `other` where there is any'),
  models: z.array(modelShare),
  tools: z.array(toolShare).describe('in the order of their first use'),
  cogs: money.describe('null while any call or tool is unpriced, or the newest revision is not rated'),
  cogs_known: decimal.optional().describe('where cogs is null: the part that is known'),
  cogs_adjustment: decimal
    .optional()
    .describe('what back-dated prices make of cogs, approved after they were booked; margin counts it'),
  cogs_reported: decimal
    .optional()
    .describe('where calls report a cost: what they report, whether or not that is what counts as cogs'),
  cogs_computed: decimal
    .optional()
    .describe('what the price book makes of the same calls, as far as it knows'),
  price: money.describe(
    'null while no customer on a plan is known, or a cost is unknown that the plan charges',
  ),
  price_known: decimal
    .optional()
    .describe('where a cost is unknown that the plan charges: the rest of the price'),
  other_prices: z
    .array(z.object({ currency: z.string(), price: decimal }))
    .optional()
    .describe(
      'what of charges in another currency could not be given back when the event went over to `currency`; margin counts ' +
        'it at its worth in USD, and is null where nobody has said that',
    ),
  margin: money,
  margin_pct: money,
  currency: z.string().nullable().describe('of all amounts, COGS too'),
  cogs_usd: money.optional().describe('where the currency is not USD: COGS as they are kept'),
  fx_usd: money.optional().describe('what a unit of the currency is worth in USD; null: nobody has said'),
  fx_rate_id: z.string().nullable().optional().describe('the rate of `/v1/fx` that says so'),
  credits: money.describe('null where price is'),
  credits_known: decimal.optional().describe('what price_known comes to in credits'),
  plan: z.object({ plan_id: z.string(), version: count }).nullable(),
  anomalies: z.array(z.object({ kind: z.string(), span_id: z.string().nullable(), reason: z.string() })),
  span_ids: z.array(z.string()),
})

export type BillableEvent = z.infer<typeof billableEventFields>
export type StackPart = z.infer<typeof stackPart>
export type ModelShare = z.infer<typeof modelShare>
export type ToolShare = z.infer<typeof toolShare>
