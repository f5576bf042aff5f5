import type pg from 'pg'
import { eventIdOf } from '../../core/ids.ts'
import { microsOfRfc3339 } from '../../core/time.ts'
import { copyInto } from '../../schema/copy.ts'
import { CopyWriter } from '../../schema/copy-writer.ts'
import { idsOf } from './read.ts'
import type { NewRevision } from './revision.ts'
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
  { name: 'tenant_id', write: (to, { trace }) => to.text(trace.tenantId) },
  { name: 'event_id', write: (to, { trace }) => to.text(eventIdOf(trace.traceId)) },
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
  { name: 'trace_id', write: (to, { trace }) => to.hex(trace.traceId) },
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
