import type pg from 'pg'
import type { Usage } from '../../core/usage.ts'
import { asWritten } from '../../receiver/audit/journal-rows.ts'
import type { Journal } from '../../receiver/journal/journal.ts'
import { USAGE_COLUMNS, type UsageRow, usageOfRow } from '../../receiver/journal/read.ts'
import { pagesOf } from '../../schema/pages.ts'

/** Journal rows held at once. */
const PAGE_ROWS = 5_000

/** A stretch of a trace's journal: what was received after one instant and up to another, microseconds since 1970. */
export interface Stretch {
  readonly tenantId: string
  readonly traceId: string
  /** Null: from the beginning. */
  readonly after: string | null
  /** Null: to the end. */
  readonly upTo: string | null
}

/** Sends journal rows of the source into the target's journal, as if they were received again at the same instants. */
export async function replayJournal(
  source: pg.PoolClient,
  journal: Journal,
  stretches: readonly Stretch[],
): Promise<void> {
  const pages = pagesOf<UsageRow & pg.QueryResultRow>(
    source,
    `select j.tenant_id, j.fingerprint::text as fingerprint, (extract(epoch from j.received_at) * 1000)::double precision as received_ms, ${USAGE_COLUMNS}
     from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) as part (tenant_id, trace_id, after, up_to)
     cross join lateral (
       select * from aforo_store.usage_journal j
       where j.tenant_id = part.tenant_id and j.trace_id = decode(part.trace_id, 'hex')
         and (part.after is null or j.received_at > timestamptz 'epoch' + part.after * interval '1 microsecond')
         and (part.up_to is null or j.received_at <= timestamptz 'epoch' + part.up_to * interval '1 microsecond')
       offset 0) j`,
    [
      stretches.map((part) => part.tenantId),
      stretches.map((part) => part.traceId),
      stretches.map((part) => part.after),
      stretches.map((part) => part.upTo),
    ],
    PAGE_ROWS,
  )
  for await (const rows of pages) {
    const received = new Map<string, { tenantId: string; at: Date; usages: Usage[] }>()
    for (const row of rows) {
      const tenantId = row.tenant_id as string
      const at = row.received_ms as number
      const name = `${tenantId}\0${at}`
      const request = received.get(name) ?? { tenantId, at: new Date(at), usages: [] }
      received.set(name, request)
      const usage = usageOfRow(row)
      // A row that was changed is sent as it is: that it differs is for the comparison to tell.
      request.usages.push(asWritten(usage, BigInt(row.fingerprint as string)) ?? usage)
    }
    await Promise.all(
      [...received.values()].map(({ tenantId, at, usages }) => journal.append(tenantId, usages, at)),
    )
  }
}
