import type pg from 'pg'
import { expect } from 'vitest'
import { openPool } from '../../schema/pool.ts'
import type { TestDatabase } from './database.ts'

/** Runs work over connections that break at the n-th statement, and at all after it; true where it came to its end. */
export async function dyingAt(
  db: TestDatabase,
  n: number,
  work: (pool: pg.Pool) => Promise<unknown>,
): Promise<boolean> {
  const pool = openPool(db.url, { max: 1 })
  let left = n
  const backends: number[] = []
  pool.on('connect', (client) => {
    backends.push((client as unknown as { processID: number }).processID)
    const query = client.query.bind(client) as (...args: unknown[]) => unknown
    Object.assign(client, {
      query: (...args: unknown[]) => {
        if (left-- <= 0)
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
    for (const backend of backends) await gone(db, backend)
  }
}

/** The server notices a dead connection only when it next speaks to it; until then its transaction holds its locks. */
async function gone(db: TestDatabase, backend: number): Promise<void> {
  const deadlineMs = performance.now() + 60_000
  for (;;) {
    const { rowCount } = await db.pool.query('select from pg_stat_activity where pid = $1', [backend])
    if (rowCount === 0) return
    if (performance.now() > deadlineMs) throw new Error(`backend ${backend} outlived its connection`)
  }
}
