import type pg from 'pg'
import { TOTAL_COLUMNS, type UsageTotals } from '../../core/event.ts'
import { eventIdOf } from '../../core/ids.ts'
import type { Usage } from '../../core/usage.ts'
import type { StatedUsage } from '../assemble/stated.ts'
import { bucketsOfRow, USAGE_COLUMNS, type UsageRow, usageOfRow } from '../journal/read.ts'
import { keyOf } from './claim.ts'
import type { EarlierRevisions } from './revision.ts'
import type { DueTrace } from './trace.ts'

/** What a cut knows of its claimed traces, by `keyOf`; `earlier` of the own events of those that no session has. */
export interface CutMaterial {
  readonly usages: ReadonlyMap<string, readonly Usage[]>
  readonly earlier: ReadonlyMap<string, EarlierRevisions>
  readonly namedCustomers: ReadonlyMap<string, string>
  readonly statedUsage: ReadonlyMap<string, readonly StatedUsage[]>
}

export async function readMaterial(client: pg.PoolClient, traces: readonly DueTrace[]): Promise<CutMaterial> {
  return {
    usages: await readUsages(client, traces),
    earlier: await readEarlier(
      client,
      traces.filter((trace) => trace.revision >= 0 && trace.sessionEventId === null),
    ),
    namedCustomers: await readNamedCustomers(client, traces),
    statedUsage: await readStatedUsage(client, traces),
  }
}

/** Instants are bounded per trace and for all, the latter for the planner to leave out chunks. */
export async function readUsages(
  client: pg.PoolClient,
  traces: readonly DueTrace[],
): Promise<Map<string, Usage[]>> {
  const from = traces.map((trace) => trace.timeFrom)
  const to = traces.map((trace) => trace.timeTo)
  const { rows } = await client.query<UsageRow>({
    name: 'cut_usages',
    text: `
      select j.tenant_id, ${USAGE_COLUMNS}
      from unnest($1::text[], $2::bytea[], $3::timestamptz[], $4::timestamptz[])
        as due (tenant_id, trace_id, time_from, time_to)
      join aforo_store.usage_journal j
        on j.tenant_id = due.tenant_id and j.trace_id = due.trace_id
        and j.time between due.time_from and due.time_to
      where j.time between $5 and $6`,
    values: [...idsOf(traces), from, to, least(from), greatest(to)],
  })
  const usages = new Map<string, Usage[]>(traces.map((trace) => [keyOf(trace), []]))
  for (const row of rows) {
    const usage = usageOfRow(row)
    usages.get(keyOf({ tenantId: row.tenant_id as string, traceId: usage.traceId }))!.push(usage)
  }
  return usages
}

async function readEarlier(
  client: pg.PoolClient,
  traces: readonly DueTrace[],
): Promise<Map<string, EarlierRevisions>> {
  const events = traces.map(({ tenantId, traceId, eventTime }) => {
    return { tenantId, eventId: eventIdOf(traceId), time: eventTime! }
  })
  const found = await readEarlierOf(client, events)
  const earlier = new Map<string, EarlierRevisions>()
  for (const [i, { tenantId, eventId }] of events.entries()) {
    const revisions = found.get(`${tenantId}/${eventId}`)
    if (revisions !== undefined) earlier.set(keyOf(traces[i]!), revisions)
  }
  return earlier
}

/** An event and the time of its revisions. */
export interface EventKey {
  readonly tenantId: string
  readonly eventId: string
  readonly time: string
}

/** What was told of events, by tenant and event. */
export async function readEarlierOf(
  client: pg.PoolClient,
  events: readonly EventKey[],
): Promise<Map<string, EarlierRevisions>> {
  if (events.length === 0) return new Map()
  const times = events.map(({ time }) => time)
  const { rows } = await client.query<Record<string, unknown>>({
    name: 'cut_earlier',
    text: `
      select event.tenant_id, event.event_id,
        ${Object.values(TOTAL_COLUMNS)
          .map((column) => `sum(${column})::text as ${column}`)
          .join(', ')},
        (array_agg(assembly order by event.revision desc))[1] as document
      from unnest($1::text[], $2::text[], $3::timestamptz[]) as due (tenant_id, event_id, time)
      join aforo_store.events event
        on event.tenant_id = due.tenant_id and event.event_id = due.event_id and event.time = due.time
      where event.time between $4 and $5
      group by event.tenant_id, event.event_id`,
    values: [
      events.map(({ tenantId }) => tenantId),
      events.map(({ eventId }) => eventId),
      times,
      least(times),
      greatest(times),
    ],
  })
  return new Map(
    rows.map((row) => [
      `${row.tenant_id}/${row.event_id}`,
      { totals: totalsOfRow(row), document: row.document },
    ]),
  )
}

export async function readNamedCustomers(
  client: pg.PoolClient,
  traces: readonly DueTrace[],
): Promise<Map<string, string>> {
  const { rows } = await client.query<{ tenant_id: string; trace_id: string; customer_id: string }>({
    name: 'cut_named_customers',
    text: `
      select distinct on (named.tenant_id, named.trace_id)
        named.tenant_id, encode(named.trace_id, 'hex') as trace_id, named.customer_id
      from unnest($1::text[], $2::bytea[]) as due (tenant_id, trace_id)
      join aforo_store.attributions named using (tenant_id, trace_id)
      order by named.tenant_id, named.trace_id, named.attribution_id desc`,
    values: idsOf(traces),
  })
  return new Map(
    rows.map((row) => [keyOf({ tenantId: row.tenant_id, traceId: row.trace_id }), row.customer_id]),
  )
}

/** What was stated last of each span. */
export async function readStatedUsage(
  client: pg.PoolClient,
  traces: readonly DueTrace[],
): Promise<Map<string, StatedUsage[]>> {
  const { rows } = await client.query<Record<string, string>>({
    name: 'cut_stated_usage',
    text: `
      select distinct on (stated.tenant_id, stated.trace_id, stated.span_id)
        stated.tenant_id, encode(stated.trace_id, 'hex') as trace_id, encode(stated.span_id, 'hex') as span_id,
        input_uncached, cache_read, cache_write, cache_write_1h, output_text, output_reasoning
      from unnest($1::text[], $2::bytea[]) as due (tenant_id, trace_id)
      join aforo_store.stated_usage stated using (tenant_id, trace_id)
      order by stated.tenant_id, stated.trace_id, stated.span_id, stated.stated_id desc`,
    values: idsOf(traces),
  })
  const groups = Map.groupBy(rows, (row) => keyOf({ tenantId: row.tenant_id!, traceId: row.trace_id! }))
  return new Map([...groups].map(([key, found]) => [key, found.map(statedOfRow)]))
}

function statedOfRow(row: Record<string, string>): StatedUsage {
  return {
    spanId: row.span_id!,
    buckets: bucketsOfRow(row),
  }
}

/** Parallel arrays for `unnest`. */
export function idsOf(traces: readonly DueTrace[]): [string[], Buffer[]] {
  return [traces.map((trace) => trace.tenantId), traces.map((trace) => Buffer.from(trace.traceId, 'hex'))]
}

function totalsOfRow(row: Record<string, unknown>): UsageTotals {
  const totals = Object.entries(TOTAL_COLUMNS).map(([field, column]) => [field, Number(row[column])])
  return Object.fromEntries(totals) as UsageTotals
}

/** Instants of one form sort as text. */
function least(instants: readonly string[]): string {
  return instants.toSorted()[0]!
}

function greatest(instants: readonly string[]): string {
  return instants.toSorted().at(-1)!
}
