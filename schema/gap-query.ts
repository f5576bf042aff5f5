import type pg from 'pg'
import { type AuditCheck, type AuditReport, GAPS_KEPT_MAX } from '../core/audit.ts'

/** A question whose answer is what is wrong: each row is a gap. */
export interface GapQuestion {
  readonly check: AuditCheck
  /** Selects `kind`, `tenant_id`, `id`, `found`. */
  readonly text: string
  readonly values: readonly unknown[]
}

/** Asks for gaps: the first ones by name, and how many there are in all. */
export async function askForGaps(
  client: pg.PoolClient,
  { check, text, values }: GapQuestion,
  report: AuditReport,
): Promise<void> {
  const { rows } = await client.query<Record<'kind' | 'tenant_id' | 'id' | 'found' | 'gaps', string>>(
    `with gap as (${text})
     select kind, tenant_id, id, found, count(*) over ()::text as gaps from gap
     order by kind, tenant_id, id limit ${GAPS_KEPT_MAX}`,
    [...values],
  )
  for (const { kind, tenant_id: tenantId, id, found } of rows)
    report.gap(check, { kind, tenantId, id, found })
  report.moreGaps(check, Number(rows[0]?.gaps ?? 0) - rows.length)
}

/** Counts the rows a check looks at: `text` selects one number. */
export async function countRows(
  client: pg.PoolClient,
  check: AuditCheck,
  text: string,
  values: readonly unknown[],
  report: AuditReport,
): Promise<void> {
  const { rows } = await client.query<{ count: string }>(text, [...values])
  report.count(check, Number(rows[0]!.count))
}
