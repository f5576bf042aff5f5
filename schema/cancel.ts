import type pg from 'pg'

/**
 * Ends the statement that a connection is at once the signal comes: a query that nobody waits for any more must not
 * keep a core busy. The statement then fails with `query_canceled`.
 * @returns to be waited for before the connection is given back: an end that is under way must not meet its next user
 */
export async function cancelOnAbort(
  pool: pg.Pool,
  client: pg.PoolClient,
  signal: AbortSignal,
): Promise<() => Promise<void>> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  let ending: Promise<unknown> = Promise.resolve()
  const cancel = () => {
    // Where the database is away there is nothing to end.
    ending = pool.query('select pg_cancel_backend($1)', [rows[0]!.pid]).catch(() => {})
  }
  if (signal.aborted) cancel()
  else signal.addEventListener('abort', cancel, { once: true })
  return async () => {
    signal.removeEventListener('abort', cancel)
    await ending
  }
}
