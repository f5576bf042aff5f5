import type pg from 'pg'
import { auditAlerts } from '../../alerts/audit.ts'
import { AuditReport, type AuditScope } from '../../core/audit.ts'
import { auditRatings } from '../../rating/audit/audit.ts'
import { auditJournal } from '../../receiver/audit/audit.ts'

/**
 * The two halves of an audit: the journal against the events; the events against what they cost and were charged, and
 * what is told of them.
 */
export const HALVES = ['journal', 'ratings'] as const
export type Half = (typeof HALVES)[number]

/** Pages that a half works on at once: while one waits for the database, the other computes. */
const LANES = 2

/** Connections a half wants, all of one snapshot: one that keeps its place in lists, and one for each page. */
export const HALF_CONNECTIONS = LANES + 1

export async function auditHalf(
  half: Half,
  [list, ...lanes]: readonly pg.PoolClient[],
  scope: AuditScope,
  now: Date,
): Promise<AuditReport> {
  const report = new AuditReport()
  const connections = { list: list!, lanes }
  if (half === 'journal') await auditJournal(connections, scope, report)
  else {
    await auditRatings(connections, scope, now, report)
    await auditAlerts(connections.list, scope, report)
  }
  return report
}
