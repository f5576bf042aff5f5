import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SILENT } from '../../core/log.ts'
import { assemble } from '../../receiver/assemble/assemble.ts'
import { createCutter } from '../../receiver/cut/cutter.ts'
import { CUT_DEFAULTS } from '../../receiver/cut/settings.ts'
import { createJournal } from '../../receiver/journal/journal.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { dyingAt } from '../support/dying.ts'
import { callOf, metricsOf, noon } from '../support/usages.ts'

/** A process that dies between any two statements: what was acknowledged is there, and nothing is there by half. */

const STATEMENTS_MAX = 20

let db: TestDatabase
beforeAll(async () => {
  db = await testDatabase()
})
afterAll(() => db.drop())

async function counts(): Promise<Record<string, number>> {
  const { rows } = await db.pool.query(`
    select (select count(*)::int from aforo_store.usage_journal) as journal,
      (select coalesce(sum(span_count), 0)::int from aforo_store.traces) as traced,
      (select count(*)::int from aforo_store.traces where revision = 0) as cut,
      (select count(*)::int from aforo_store.traces where cut_due_at is null) as closed,
      (select count(*)::int from aforo_store.events) as events,
      (select count(*)::int from aforo_store.rating_queue) as queued`)
  return rows[0]
}

const USAGES = ['a', 'b', 'c'].flatMap((trace) => ['1', '2'].map((span) => callOf(trace, `${trace}${span}`)))

describe('a death at any statement', () => {
  it('of the journal leaves rows and traces together or neither', async () => {
    for (let n = 0; ; n++) {
      expect(n).toBeLessThan(STATEMENTS_MAX)
      const acked = await dyingAt(db, n, (pool) =>
        createJournal({ pool, metrics: metricsOf() }).append('default', USAGES, noon()),
      )
      const { journal, traced } = await counts()
      expect(traced).toBe(journal)
      if (acked) expect(journal).toBe(6)
      if (acked) break
    }
  })

  it('of the cut leaves revision, queue and trace together or none', async () => {
    for (let n = 0; ; n++) {
      expect(n).toBeLessThan(STATEMENTS_MAX)
      const done = await dyingAt(db, n, (pool) =>
        createCutter({ pool, settings: CUT_DEFAULTS, log: SILENT, assemble, metrics: metricsOf() }).cut(
          noon(60),
        ),
      )
      const { events, queued, cut, closed } = await counts()
      expect([queued, cut, closed]).toEqual([events, events, events])
      if (done) expect(events).toBe(3)
      if (done) break
    }
    await createJournal({ pool: db.pool, metrics: metricsOf() }).append('default', USAGES, noon(61))
    expect(await counts()).toMatchObject({ journal: 6, events: 3, queued: 3, closed: 3 })
  })
})
