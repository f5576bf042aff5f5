import type pg from 'pg'
import { assemblyToDocument } from '../core/assembly-document.ts'
import { eventIdOf } from '../core/ids.ts'
import { packAssembly } from '../core/packed-assembly.ts'
import { assemblyOf, modelCall, storeCustomer, storePlan, toolCall } from '../test/rating/events.ts'

/** Customers `customer-0`, or of another prefix, to the last, each on one plan of four meters. */
export async function storeCustomers(pool: pg.Pool, count: number, prefix = 'customer-'): Promise<void> {
  await storePlan(pool, 'team', {
    currency: 'USD',
    meters: [
      { meter: 'input_tokens', model: 'per_unit', unit_price: '3', per: '1000000' },
      { meter: 'output_tokens', model: 'per_unit', unit_price: '15', per: '1000000' },
      { meter: 'reasoning_steps', model: 'per_unit', unit_price: '0.006' },
      { meter: 'tool_calls', model: 'per_unit', unit_price: '0.002' },
    ],
  })
  for (let no = 0; no < count; no++) await storeCustomer(pool, `${prefix}${no}`, 'team')
}

/** Events of four calls of two models and two tool calls, waiting to be rated. */
export async function storeEvents(
  pool: pg.Pool,
  of: { readonly from: number; readonly count: number; readonly customers: number },
): Promise<void> {
  const traces = Array.from({ length: of.count }, (_, i) => (of.from + i).toString(16).padStart(32, '0'))
  await pool.query(
    `insert into aforo_store.events
     select 'default', event_id, 0, time, decode(trace_id, 'hex'), 'root_ended', now(), customer, null, 'triage',
       null, time, time, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, assembly::jsonb
     from unnest($1::text[], $2::text[], $3::text[], $4::text[]) with ordinality
         as event (event_id, trace_id, customer, assembly, no),
       lateral (select timestamptz '2026-11-23 12:00:00Z' + ($5 + no) * interval '20 ms') as at (time)`,
    [
      traces.map(eventIdOf),
      traces,
      traces.map((_, i) => `customer-${i % of.customers}`),
      traces.map((_, i) => JSON.stringify(packAssembly(assemblyToDocument(assemblyFor(of.from + i))))),
      of.from,
    ],
  )
  await pool.query(
    `insert into aforo_store.rating_queue (tenant_id, event_id, revision, time, enqueued_at, not_before)
     select tenant_id, event_id, revision, time, recorded_at, recorded_at from aforo_store.events
     where event_id = any ($1)`,
    [traces.map(eventIdOf)],
  )
}

function assemblyFor(no: number) {
  return assemblyOf({
    calls: [0, 1, 2, 3].map((call) =>
      modelCall(call + 1, {
        ...(call % 2 === 0 ? {} : { provider: 'openai', model: 'gpt-5-2025-08-07', requestModel: 'gpt-5' }),
        buckets: {
          inputUncached: 1000 + (no % 500),
          cacheRead: 4000,
          cacheWrite: 0,
          cacheWrite1h: 0,
          outputText: 200 + call,
          outputReasoning: 64,
        },
        reasoningSteps: 1,
      }),
    ),
    tools: [toolCall(11, 'db.query'), toolCall(12, 'api.fetch')],
    agent: 'triage',
  })
}
