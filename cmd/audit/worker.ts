import { parentPort, workerData } from 'node:worker_threads'
import type { AuditScope } from '../../core/audit.ts'
import { openPool } from '../../schema/pool.ts'
import { inSnapshot, type SnapshotName } from '../../schema/snapshot.ts'
import { auditHalf, HALF_CONNECTIONS, type Half } from './halves.ts'

/** What a thread of the audit is told. */
export interface HalfOrder {
  readonly half: Half
  readonly url: string
  readonly snapshot: SnapshotName
  readonly scope: AuditScope
  readonly now: Date
}

const { half, url, snapshot, scope, now } = workerData as HalfOrder
const pool = openPool(url, { max: HALF_CONNECTIONS })
try {
  const audit = (clients: Parameters<typeof auditHalf>[1]) => auditHalf(half, clients, scope, now)
  const report = await inSnapshot(pool, HALF_CONNECTIONS, audit, snapshot)
  parentPort!.postMessage(report.plain)
} finally {
  await pool.end()
}
