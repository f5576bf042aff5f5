import type pg from 'pg'
import type { AuditReport } from '../../core/audit.ts'
import type { Usage } from '../../core/usage.ts'
import { keyOf } from '../cut/claim.ts'
import { idsOf } from '../cut/read.ts'
import type { DueTrace } from '../cut/trace.ts'
import { journalMicros } from '../journal/journal-time.ts'
import { USAGE_COLUMNS, type UsageRow, usageOfRow } from '../journal/read.ts'
import { asWritten } from './journal-rows.ts'

/** Reads the journal rows of traces, by `keyOf`, and tells of those that do not say what they said when written. */
export async function readIntactUsages(
  client: pg.PoolClient,
  traces: readonly DueTrace[],
  report: AuditReport,
): Promise<ReadonlyMap<string, readonly Usage[]>> {
  const { rows } = await client.query<UsageRow>({
    name: 'audit_journal',
    text: `
      select j.tenant_id, j.fingerprint::text as fingerprint,
        (extract(epoch from j.time) * 1000000)::bigint::text as time_micros, ${USAGE_COLUMNS}
      from unnest($1::text[], $2::bytea[], $3::timestamptz[], $4::timestamptz[])
        as due (tenant_id, trace_id, time_from, time_to)
      cross join lateral (
        select * from aforo_store.usage_journal j
        where j.tenant_id = due.tenant_id and j.trace_id = due.trace_id
          and j.time between due.time_from and due.time_to
        offset 0) j`,
    values: [...idsOf(traces), traces.map((trace) => trace.timeFrom), traces.map((trace) => trace.timeTo)],
  })
  const usages = new Map<string, Usage[]>(traces.map((trace) => [keyOf(trace), []]))
  for (const row of rows) {
    const usage = usageOfRow(row)
    const tenantId = row.tenant_id as string
    usages.get(keyOf({ tenantId, traceId: usage.traceId }))!.push(usage)
    const fault = faultOf(row, usage)
    if (fault === null) continue
    const id = `${usage.traceId}/${usage.spanId}`
    report.gap('journal_rows', { kind: 'journal row', tenantId, id, found: fault })
  }
  report.count('journal_rows', rows.length)
  return usages
}

function faultOf(row: UsageRow, usage: Usage): string | null {
  if (Number(row.time_micros) !== journalMicros(usage.endNano)) return 'its time is not the end of its span'
  if (asWritten(usage, BigInt(row.fingerprint as string)) !== null) return null
  return `it does not say what its fingerprint ${row.fingerprint as string} was taken of`
}
