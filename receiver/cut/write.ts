import type pg from 'pg'
import { ASSEMBLY_RULES } from '../../core/assembly-rules.ts'
import { microsOfRfc3339 } from '../../core/time.ts'
import { copyInto } from '../../schema/copy.ts'
import { CopyWriter } from '../../schema/copy-writer.ts'
import { idsOf } from './read.ts'
import type { NewRevision, TraceCut } from './revision.ts'
import type { DueTrace } from './trace.ts'

const BYTES_PER_EVENT = 4_000
const BYTES_PER_QUEUED = 140

/** Writes revisions with their differences and puts each into the rating queue, by COPY: the claim keeps others off. */
export async function writeRevisions(
  client: pg.PoolClient,
  revisions: readonly NewRevision[],
  now: Date,
): Promise<void> {
  if (revisions.length === 0) return
  const nowMicros = now.getTime() * 1000
  await copyRows(client, 'events', EVENT_COLUMNS, revisions, nowMicros, BYTES_PER_EVENT)
  await copyRows(client, 'rating_queue', QUEUE_COLUMNS, revisions, nowMicros, BYTES_PER_QUEUED)
}

async function copyRows(
  client: pg.PoolClient,
  table: string,
  columns: readonly Column[],
  revisions: readonly NewRevision[],
  nowMicros: number,
  bytesPerRow: number,
): Promise<void> {
  const writer = new CopyWriter(revisions.length * bytesPerRow)
  for (const revision of revisions) {
    writer.row(columns.length)
    for (const column of columns) column.write(writer, revision, nowMicros)
  }
  const names = columns.map((column) => column.name).join(', ')
  await copyInto(client, `aforo_store.${table} (${names})`, writer.finish())
}

interface Column {
  readonly name: string
  readonly write: (to: CopyWriter, revision: NewRevision, nowMicros: number) => void
}

const KEY_COLUMNS: readonly Column[] = [
  { name: 'tenant_id', write: (to, { tenantId }) => to.text(tenantId) },
  { name: 'event_id', write: (to, { eventId }) => to.text(eventId) },
  { name: 'revision', write: (to, { revision }) => to.integer(revision) },
  { name: 'time', write: (to, { time }) => to.instant(microsOfRfc3339(time)) },
]

const QUEUE_COLUMNS: readonly Column[] = [
  ...KEY_COLUMNS,
  { name: 'enqueued_at', write: (to, _, now) => to.instant(now) },
  { name: 'not_before', write: (to, _, now) => to.instant(now) },
]

const EVENT_COLUMNS: readonly Column[] = [
  ...KEY_COLUMNS,
  { name: 'trace_id', write: (to, { traceId }) => to.hex(traceId) },
  { name: 'cut_reason', write: (to, { reason }) => to.text(reason) },
  { name: 'recorded_at', write: (to, _, now) => to.instant(now) },
  { name: 'customer_id', write: (to, { assembly }) => to.text(assembly.customer) },
  { name: 'product_id', write: (to, { assembly }) => to.text(assembly.product) },
  { name: 'agent', write: (to, { assembly }) => to.text(assembly.agent) },
  { name: 'session_id', write: (to, { assembly }) => to.text(assembly.session) },
  { name: 'started_at', write: (to, { assembly }) => to.instantOfNano(assembly.startNano) },
  { name: 'ended_at', write: (to, { assembly }) => to.instantOfNano(assembly.endNano) },
  { name: 'model_calls', write: (to, { difference }) => to.whole(difference.modelCalls) },
  { name: 'unmetered_calls', write: (to, { difference }) => to.whole(difference.unmeteredCalls) },
  { name: 'tool_calls', write: (to, { difference }) => to.whole(difference.toolCalls) },
  { name: 'reasoning_steps', write: (to, { difference }) => to.whole(difference.reasoningSteps) },
  { name: 'input_tokens', write: (to, { difference }) => to.whole(difference.inputTokens) },
  { name: 'cache_read_tokens', write: (to, { difference }) => to.whole(difference.cacheReadTokens) },
  { name: 'cache_write_tokens', write: (to, { difference }) => to.whole(difference.cacheWriteTokens) },
  { name: 'output_tokens', write: (to, { difference }) => to.whole(difference.outputTokens) },
  { name: 'reasoning_tokens', write: (to, { difference }) => to.whole(difference.reasoningTokens) },
  { name: 'embedding_tokens', write: (to, { difference }) => to.whole(difference.embeddingTokens) },
  { name: 'assembly', write: (to, { document }) => to.jsonText(JSON.stringify(document)) },
]

/**
 * Closes traces: those that a cut changed, and those that turned out not to have changed. What is rated ends by its
 * rating what an open trace counted for; of what has not changed nothing is rated, and budgets are told here.
 */
export async function closeTraces(
  client: pg.PoolClient,
  traces: readonly DueTrace[],
  cuts: readonly TraceCut[],
): Promise<void> {
  const cutOf = new Map(cuts.map((cut) => [cut.trace, cut]))
  const closed = traces.map((trace) => {
    const { revision, eventTime, sessionEventId } = trace
    const cut = cutOf.get(trace)
    if (cut === undefined) return { revision, eventTime, sessionEventId, isSame: true }
    return {
      isSame: false,
      revision: revision + 1,
      eventTime: cut.eventTime,
      sessionEventId: cut.inSession ? cut.eventId : null,
    }
  })
  await client.query({
    name: 'cut_close',
    text: `
      with closed as (
        update aforo_store.traces trace
        set cut_due_at = null, cut_attempts = 0, completed = false, open_span_count = 0, revision = closed.revision,
          event_time = closed.event_time, session_event_id = closed.session_event_id, cut_rules = $7
        from unnest($1::text[], $2::bytea[], $3::integer[], $4::timestamptz[], $5::text[], $6::boolean[])
          as closed (tenant_id, trace_id, revision, event_time, session_event_id, is_same)
        where trace.tenant_id = closed.tenant_id and trace.trace_id = closed.trace_id
        returning trace.tenant_id, trace.trace_id, is_same
      )
      insert into aforo_store.spend_queue (tenant_id, trace_id, not_before)
      select tenant_id, trace_id, '-infinity' from closed
      where is_same and exists (
        select from aforo_store.open_spend open
        where open.tenant_id = closed.tenant_id and open.trace_id = closed.trace_id)`,
    values: [
      ...idsOf(traces),
      closed.map(({ revision }) => revision),
      closed.map(({ eventTime }) => eventTime),
      closed.map(({ sessionEventId }) => sessionEventId),
      closed.map(({ isSame }) => isSame),
      ASSEMBLY_RULES,
    ],
  })
}
