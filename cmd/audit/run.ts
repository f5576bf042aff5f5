import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { AuditReport, type AuditScope, type PlainReport } from '../../core/audit.ts'
import { AforoError } from '../../core/errors.ts'
import { openPool } from '../../schema/pool.ts'
import { inSnapshot } from '../../schema/snapshot.ts'
import { HALVES } from './halves.ts'
import type { HalfOrder } from './worker.ts'

/** Most of what a page needs is dead with the page: with room for it, it is never moved to the old generation. */
const YOUNG_MB = 64

/**
 * Audits a database as it is at one instant, each half in a thread of its own.
 * @throws AforoError `unavailable` where the database is away
 */
export async function auditAll(url: string, scope: AuditScope, now: Date): Promise<AuditReport> {
  const pool = openPool(url, { max: 1 })
  const report = new AuditReport()
  try {
    await inSnapshot(pool, 1, async (_, snapshot) => {
      const halves = HALVES.map((half) => inThread({ half, url, snapshot, scope, now }))
      const ends = await Promise.allSettled(halves)
      for (const end of ends) {
        if (end.status === 'rejected') throw end.reason
        report.add(end.value)
      }
    })
  } finally {
    await pool.end()
  }
  return report
}

/** A thread that fails rejects with its error. */
async function inThread(order: HalfOrder): Promise<PlainReport> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: order,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
  })
  try {
    const ended = once(worker, 'exit').then(() => {
      throw new AforoError('internal', `the audit of the ${order.half} ended without an answer`)
    })
    const [report] = (await Promise.race([once(worker, 'message'), ended])) as [PlainReport]
    // The end comes in any case, and is none to complain of now.
    ended.catch(() => {})
    return report
  } finally {
    await worker.terminate()
  }
}
