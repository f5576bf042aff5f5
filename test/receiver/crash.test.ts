import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SILENT } from '../../core/log.ts'
import { assemble } from '../../receiver/assemble/assemble.ts'
import { createCutter } from '../../receiver/cut/cutter.ts'
import { CUT_DEFAULTS } from '../../receiver/cut/settings.ts'
import { createJournal } from '../../receiver/journal/journal.ts'
import { openPool } from '../../schema/pool.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { callOf, metricsOf, noon } from '../support/usages.ts'

/** A process that dies between any two statements: what was acknowledged is there, and nothing is there by half. */

const STATEMENTS_MAX = 20

let db: TestDatabase
beforeAll(async () => {
  db = await testDatabase()
})
afterAll(() => db.drop())

/** Runs work over a connection that breaks at its n-th statement; true where it came to its end. */
async function dyingAt(n: number, work: (pool: pg.Pool) => Promise<unknown>): Promise<boolean> {
  const pool = openPool(db.url, { max: 1 })
  let left = n
  let backend = 0
  pool.on('connect', (client) => {
    backend = (client as unknown as { processID: number }).processID
    const query = client.query.bind(client) as (...args: unknown[]) => unknown
    Object.assign(client, {
      query: (...args: unknown[]) => {
        if (left-- === 0)
          (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
        return query(...args)
      },
    })
  })
  try {
    await work(pool)
    return true
  } catch (error) {
    expect(error).toMatchObject({ code: 'unavailable', retryable: true })
    return false
  } finally {
    await pool.end()
    await gone(backend)
  }
}

/** The server notices a dead connection only when it next speaks to it; until then its transaction holds its locks. */
async function gone(backend: number): Promise<void> {
  const deadlineMs = performance.now() + 10_000
  for (;;) {
    const { rowCount } = await db.pool.query('select from pg_stat_activity where pid = $1', [backend])
    if (rowCount === 0) return
    if (performance.now() > deadlineMs) throw new Error(`backend ${backend} outlived its connection`)
  }
}

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
      const acked = await dyingAt(n, (pool) =>
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
      const done = await dyingAt(n, (pool) =>
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
