import type pg from 'pg'
import { eventIdOf } from '../../core/ids.ts'
import { rfc3339 } from '../../core/time.ts'
import { idsOf } from './read.ts'
import type { NewRevision } from './revision.ts'
import type { DueTrace } from './trace.ts'

/** Writes revisions with their differences and puts each into the rating queue. */
export async function writeRevisions(
  client: pg.PoolClient,
  revisions: readonly NewRevision[],
  now: Date,
): Promise<void> {
  if (revisions.length === 0) return
  await client.query({
    name: 'cut_events',
    text: `
      with written as (
        insert into aforo_store.events (
          tenant_id, event_id, revision, time, trace_id, cut_reason, recorded_at, customer_id, product_id, agent,
          session_id, started_at, ended_at, model_calls, unmetered_calls, tool_calls, reasoning_steps, input_tokens,
          cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, embedding_tokens, assembly)
        select tenant_id, event_id, revision, time, decode(trace_id, 'hex'), cut_reason, $2, customer_id, product_id,
          agent, session_id, started_at, ended_at, model_calls, unmetered_calls, tool_calls, reasoning_steps,
          input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, embedding_tokens,
          assembly
        from jsonb_to_recordset($1::jsonb) as r (
          tenant_id text, event_id text, revision integer, time timestamptz, trace_id text, cut_reason text,
          customer_id text, product_id text, agent text, session_id text, started_at timestamptz,
          ended_at timestamptz, model_calls bigint, unmetered_calls bigint, tool_calls bigint, reasoning_steps bigint,
          input_tokens bigint, cache_read_tokens bigint, cache_write_tokens bigint, output_tokens bigint,
          reasoning_tokens bigint, embedding_tokens bigint, assembly jsonb)
        returning tenant_id, event_id, revision, time
      )
      insert into aforo_store.rating_queue (tenant_id, event_id, revision, time, enqueued_at, not_before)
      select tenant_id, event_id, revision, time, $2, $2 from written`,
    values: [JSON.stringify(revisions.map(eventRow)), now],
  })
}

/** Closes traces: those with a new revision, and those that turned out not to have changed. */
export async function closeTraces(
  client: pg.PoolClient,
  traces: readonly DueTrace[],
  revisions: readonly NewRevision[],
): Promise<void> {
  const made = new Map(revisions.map((revision) => [revision.trace, revision]))
  await client.query({
    name: 'cut_close',
    text: `
      update aforo_store.traces trace
      set cut_due_at = null, cut_attempts = 0, completed = false, open_span_count = 0, revision = closed.revision,
        event_time = coalesce(trace.event_time, closed.event_time)
      from unnest($1::text[], $2::bytea[], $3::integer[], $4::timestamptz[])
        as closed (tenant_id, trace_id, revision, event_time)
      where trace.tenant_id = closed.tenant_id and trace.trace_id = closed.trace_id`,
    values: [
      ...idsOf(traces),
      traces.map((trace) => made.get(trace)?.revision ?? trace.revision),
      traces.map((trace) => made.get(trace)?.time ?? null),
    ],
  })
}

function eventRow({ trace, revision, reason, time, assembly, document, difference }: NewRevision): object {
  return {
    tenant_id: trace.tenantId,
    event_id: eventIdOf(trace.traceId),
    revision,
    time,
    trace_id: trace.traceId,
    cut_reason: reason,
    customer_id: assembly.customer,
    product_id: assembly.product,
    agent: assembly.agent,
    session_id: assembly.session,
    started_at: rfc3339(assembly.startNano),
    ended_at: rfc3339(assembly.endNano),
    model_calls: difference.modelCalls,
    unmetered_calls: difference.unmeteredCalls,
    tool_calls: difference.toolCalls,
    reasoning_steps: difference.reasoningSteps,
    input_tokens: difference.inputTokens,
    cache_read_tokens: difference.cacheReadTokens,
    cache_write_tokens: difference.cacheWriteTokens,
    output_tokens: difference.outputTokens,
    reasoning_tokens: difference.reasoningTokens,
    embedding_tokens: difference.embeddingTokens,
    assembly: document,
  }
}
