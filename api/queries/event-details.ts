import type pg from 'pg'
import type { Part } from '../../core/event.ts'
import type { TenantId } from '../../core/ids.ts'
import type { EventHead } from './event-pages.ts'

/** Sums of one event, or of one revision of it. Counts and amounts are decimal text. */
export interface EventSums {
  readonly modelCalls: string
  readonly unmeteredCalls: string
  readonly toolCalls: string
  readonly reasoningSteps: string
  readonly inputTokens: string
  readonly cacheReadTokens: string
  readonly cacheWriteTokens: string
  readonly outputTokens: string
  readonly reasoningTokens: string
  readonly embeddingTokens: string
  /** Null where nothing is rated. */
  readonly cogs: string | null
  readonly price: string | null
  /** All charges, as far as rates are known. */
  readonly priceUsd: string | null
  readonly credits: string | null
  /** Of the calls that report a cost; null where there are none. */
  readonly reportedCogs: string | null
  readonly computedCogs: string | null
  /** What back-dated prices make of cogs; null where there are none. */
  readonly cogsAdjustment: string | null
}

/** Those of the sums that the rating knows. */
type MoneySums = Pick<EventSums, 'cogs' | 'price' | 'priceUsd' | 'credits' | 'reportedCogs' | 'computedCogs'>

const NOT_RATED: MoneySums = {
  cogs: null,
  price: null,
  priceUsd: null,
  credits: null,
  reportedCogs: null,
  computedCogs: null,
}

/** A line of the stack: what a part, model and tool amount to. */
export interface StackLine {
  readonly part: Part
  readonly provider: string | null
  readonly model: string | null
  readonly tool: string | null
  readonly unit: string
  readonly quantity: string
  readonly calls: string
  readonly unpricedCalls: string
  /** Above 0: some of the price is in a currency that nobody has said the worth of. */
  readonly unconverted: string
  /** Above 0: some cost is unknown that the price is made of. */
  readonly uncharged: string
  readonly cogs: string
  readonly price: string
}

/** What the charges of a part, model and tool come to in one currency. */
export interface PriceIn {
  readonly part: Part
  readonly provider: string | null
  readonly model: string | null
  readonly tool: string | null
  /** Of the part `other`: the meter. */
  readonly unit: string
  readonly currency: string
  readonly price: string
}

/** What a price row made of a part, model and tool; without a row and `isUnpriced`, a quantity nobody could price. */
export interface CostShare {
  readonly part: Part
  readonly provider: string | null
  readonly model: string | null
  readonly tool: string | null
  readonly isUnpriced: boolean
  readonly priceRowId: string | null
}

/** All that tells of an event but its head. */
export interface EventDetails {
  readonly sums: EventSums
  readonly lines: readonly StackLine[]
  readonly costs: readonly CostShare[]
  /** By currency: of events that were ever charged in another one than USD, else none. */
  readonly prices: readonly PriceIn[]
  /** Kinds that the rating found and the assembly cannot know. */
  readonly openExceptions: readonly { kind: string; spanId: string | null; reason: string }[]
}

/**
 * Details of events, in the order of their heads. With `allRevisions` each is of its own revision; else they are sums
 * over all revisions.
 */
export async function readEventDetails(
  client: pg.PoolClient,
  tenantId: TenantId,
  heads: readonly EventHead[],
  allRevisions: boolean,
): Promise<EventDetails[]> {
  if (heads.length === 0) return []
  const times = heads.map((head) => head.time).sort()
  const ids = [...new Set(heads.map((head) => head.eventId))]
  const values = [tenantId, ids, times, times[0], times.at(-1)]
  const slot = allRevisions ? 'revision' : '0'
  const read = async <T extends Slotted>(sql: string, given: readonly unknown[] = values) =>
    bySlot((await client.query<T>(sql.replaceAll('SLOT', slot), [...given])).rows)
  const usage = await read<Slotted & Omit<EventSums, keyof MoneySums | 'cogsAdjustment'>>(USAGE)
  const money = await read<Slotted & MoneySums>(MONEY)
  const adjusted = await read<Slotted & Pick<EventSums, 'cogsAdjustment'>>(ADJUSTED)
  const lines = await read<Slotted & StackLine>(LINES)
  const costs = await read<Slotted & CostShare>(COSTS)
  const prices = await read<Slotted & PriceIn>(PRICES)
  const exceptions = allRevisions
    ? new Map<string, never[]>()
    : await read<Slotted & EventDetails['openExceptions'][number]>(EXCEPTIONS, [tenantId, ids])
  return heads.map((head) => {
    const name = nameOf(head.eventId, allRevisions ? head.revision : 0)
    const rated = money.get(name)?.[0] ?? NOT_RATED
    return {
      sums: {
        ...usage.get(name)![0]!,
        ...rated,
        cogsAdjustment: adjusted.get(name)?.[0]?.cogsAdjustment ?? null,
      },
      lines: lines.get(name) ?? [],
      costs: costs.get(name) ?? [],
      prices: prices.get(name) ?? [],
      openExceptions: exceptions.get(name) ?? [],
    }
  })
}

interface Slotted {
  readonly eventId: string
  readonly slot: number
}

function bySlot<T extends Slotted>(rows: readonly T[]): Map<string, T[]> {
  return Map.groupBy(rows, (row) => nameOf(row.eventId, row.slot))
}

function nameOf(eventId: string, slot: number): string {
  return `${eventId}/${slot}`
}

// The lines of events are found by their times. That they are within a range is said for hypertables.
const OF_EVENTS = `tenant_id = $1 and event_id = any($2) and time = any($3::timestamptz[]) and time between $4 and $5`

const USAGE = `
  select event_id as "eventId", SLOT as slot, sum(model_calls) as "modelCalls", sum(unmetered_calls) as "unmeteredCalls",
    sum(tool_calls) as "toolCalls", sum(reasoning_steps) as "reasoningSteps", sum(input_tokens) as "inputTokens",
    sum(cache_read_tokens) as "cacheReadTokens", sum(cache_write_tokens) as "cacheWriteTokens",
    sum(output_tokens) as "outputTokens", sum(reasoning_tokens) as "reasoningTokens",
    sum(embedding_tokens) as "embeddingTokens"
  from aforo_store.events where ${OF_EVENTS}
  group by 1, 2`

const MONEY = `
  select event_id as "eventId", SLOT as slot, sum(cogs) as cogs, sum(price) as price,
    sum(coalesce(price_usd, price))::text as "priceUsd", sum(credits) as credits,
    sum(reported_cogs) as "reportedCogs", sum(computed_cogs) as "computedCogs"
  from aforo_store.ratings where ${OF_EVENTS}
  group by 1, 2`

const ADJUSTED = `
  select event_id as "eventId", SLOT as slot, sum(delta)::text as "cogsAdjustment"
  from aforo_store.cogs_adjustments where ${OF_EVENTS}
  group by 1, 2
  having sum(delta) <> 0`

const LINES = `
  select event_id as "eventId", SLOT as slot, part, provider, model, tool, unit, sum(quantity) as quantity,
    sum(calls) as calls, sum(unpriced_calls) as "unpricedCalls", sum(cogs) as cogs, sum(price) as price,
    sum(coalesce(unconverted, 0))::text as unconverted, sum(coalesce(uncharged, 0))::text as uncharged
  from aforo_store.event_lines where ${OF_EVENTS}
  group by 1, 2, part, provider, model, tool, unit
  order by 1, 2, provider collate "C", model collate "C", tool collate "C", part, unit`

// What a later revision took back sums to nothing and is left out.
const COSTS = `
  select event_id as "eventId", SLOT as slot, part, provider, model, tool, amount is null as "isUnpriced",
    price_row_id as "priceRowId"
  from aforo_store.cost_lines where ${OF_EVENTS}
  group by 1, 2, part, provider, model, tool, meter, service_tier, amount is null, price_row_id
  having sum(quantity) <> 0
  order by 1, 2, price_row_id`

// A plan has one currency in all of its versions.
const PRICES = `
  with foreign_event as (
    select distinct event_id from aforo_store.ratings where ${OF_EVENTS} and price_usd is not null
  )
  select event_id as "eventId", SLOT as slot, part, provider, model, tool, unit, currency, sum(amount)::text as price
  from (
    select line.event_id, line.revision, line.part, line.provider, line.model, line.tool, line.amount,
      case when line.part = 'other' then line.meter else '' end as unit, plan.body->>'currency' as currency
    from aforo_store.price_lines line
    join aforo_store.plan_versions plan
      on plan.tenant_id = line.tenant_id and plan.plan_id = line.plan_id and plan.version = line.plan_version
    where line.tenant_id = $1 and line.event_id in (select event_id from foreign_event) and line.time = any($3::timestamptz[]) and line.time between $4 and $5
  ) charge
  group by 1, 2, part, provider, model, tool, unit, currency
  order by 1, 2, currency, part, unit, provider, model, tool`

const EXCEPTIONS = `
  select event_id as "eventId", 0 as slot, kind, encode(span_id, 'hex') as "spanId", reason
  from aforo_store.exceptions
  where tenant_id = $1 and event_id = any($2)
    and kind in ('unpriced', 'unattributed', 'cost_drift') and resolved_at is null
  order by kind, span_id, exception_id`
