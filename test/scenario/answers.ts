import type pg from 'pg'
import { trimNumeric } from '../../core/money.ts'
import { letterOf, traceIdOf } from './spans.ts'

/** An event as its revisions add up. Unknown cost or price is printed as `unknown`. */
export async function eventLines(pool: pg.Pool, tenant: string, letter: string): Promise<string[]> {
  const id = `evt_${traceIdOf(letter)}`
  const { rows } = await pool.query(
    `select count(*) as revisions, sum(model_calls) as calls, sum(unmetered_calls) as unmetered, sum(tool_calls) as tools,
       sum(input_tokens) as input, sum(output_tokens) as output,
       (select status from aforo_store.ratings r where r.tenant_id = $1 and r.event_id = $2 order by revision desc limit 1) as status,
       (select unpriced from aforo_store.ratings r where r.tenant_id = $1 and r.event_id = $2 order by revision desc limit 1) as unpriced,
       (select sum(cogs)::text from aforo_store.ratings r where r.tenant_id = $1 and r.event_id = $2) as cogs,
       (select sum(price)::text from aforo_store.ratings r where r.tenant_id = $1 and r.event_id = $2) as price,
       (select sum(amount)::text from aforo_store.cost_lines l where l.tenant_id = $1 and l.event_id = $2) as cost_lines,
       (select sum(amount)::text from aforo_store.price_lines l where l.tenant_id = $1 and l.event_id = $2) as price_lines,
       (select sum(price)::text from aforo_store.event_lines l where l.tenant_id = $1 and l.event_id = $2) as stack_price
     from aforo_store.events where tenant_id = $1 and event_id = $2`,
    [tenant, id],
  )
  const row = rows[0]
  const cogs = row.unpriced ? `unknown (${amount(row.cogs)} known)` : amount(row.cogs)
  return [
    `${letter} ${row.status} revisions=${row.revisions} calls=${row.calls} unmetered=${row.unmetered} tools=${row.tools} ` +
      `in=${row.input} out=${row.output}`,
    `  cogs ${cogs} · cost lines ${amount(row.cost_lines)}`,
    `  price ${amount(row.price)} · price lines ${amount(row.price_lines)} · stack ${amount(row.stack_price)}`,
  ]
}

/** What each revision added. */
export async function revisionLines(pool: pg.Pool, tenant: string, letter: string): Promise<string[]> {
  const { rows } = await pool.query(
    `select e.revision, e.cut_reason, e.input_tokens, e.output_tokens, r.status, r.cogs::text, r.price::text
     from aforo_store.events e left join aforo_store.ratings r using (tenant_id, event_id, revision, time)
     where e.tenant_id = $1 and e.event_id = $2 order by e.revision`,
    [tenant, `evt_${traceIdOf(letter)}`],
  )
  return rows.map(
    (r) =>
      `${letter}#${r.revision} ${r.cut_reason} ${r.status ?? 'pending'} in=${r.input_tokens} out=${r.output_tokens} ` +
      `cogs=${amount(r.cogs)} price=${amount(r.price)}`,
  )
}

/** Open exceptions, then how many are resolved. */
export async function exceptionLines(pool: pg.Pool, tenant: string): Promise<string[]> {
  const { rows } = await pool.query(
    `select kind, encode(trace_id, 'hex') as trace, model, reason, resolved_at from aforo_store.exceptions
     where tenant_id = $1 order by kind, trace, model nulls first, reason`,
    [tenant],
  )
  const open = rows.filter((row) => row.resolved_at === null)
  return [
    ...open.map((row) => `${row.kind} ${letterOf(row.trace)} ${row.model ?? '-'} ${row.reason}`),
    `resolved ${rows.length - open.length}`,
  ]
}

function amount(text: string | null): string {
  return text === null ? 'unknown' : trimNumeric(text)
}
