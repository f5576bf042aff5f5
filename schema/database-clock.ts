import type pg from 'pg'

/** How often the clock is compared with the database's. */
const COMPARE_MS = 30_000

/** The time as the database has it, by our own monotonic clock. */
export interface DatabaseClock {
  now(): Date
  stop(): void
}

/**
 * A clock that all processes over one database share, whatever their machines say the time is: what one of them granted
 * until an instant another one must not take back before. It is compared now and then, and goes on by itself while the
 * database is away.
 *
 * @param monotonic milliseconds
 * @throws what the first question throws
 */
export async function createDatabaseClock(
  pool: Pick<pg.Pool, 'query'>,
  monotonic: () => number = () => performance.now(),
): Promise<DatabaseClock> {
  let offset = await compare()
  async function compare(): Promise<number> {
    const asked = monotonic()
    const { rows } = await pool.query<{ ms: number }>(
      'select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms',
    )
    return rows[0]!.ms - (asked + monotonic()) / 2
  }
  const timer = setInterval(() => {
    compare().then(
      (found) => {
        offset = found
      },
      () => {},
    )
  }, COMPARE_MS)
  timer.unref()
  return { now: () => new Date(monotonic() + offset), stop: () => clearInterval(timer) }
}
