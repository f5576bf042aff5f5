import type pg from 'pg'
import { databaseFault } from './faults.ts'

/** What the database was at an instant, by the name other connections may see it by while the first is open. */
export type SnapshotName = string

/**
 * Runs work on connections that all see the database as it was at one instant and can change nothing, however long it
 * takes. One connection after the other joins the snapshot of the first, or the one that is named.
 * @throws AforoError `unavailable` for a passing fault of the database, `internal` for another one
 */
export async function inSnapshot<T>(
  pool: pg.Pool,
  connections: number,
  work: (clients: readonly pg.PoolClient[], name: SnapshotName) => Promise<T>,
  known?: SnapshotName,
): Promise<T> {
  const clients: pg.PoolClient[] = []
  try {
    let snapshot = known
    for (let no = 0; no < connections; no++) {
      const client = await pool.connect()
      client.on('error', ignore)
      clients.push(client)
      await client.query('begin isolation level repeatable read, read only')
      await client.query('set local statement_timeout = 0')
      await client.query('set local idle_in_transaction_session_timeout = 0')
      snapshot = await join(client, snapshot)
    }
    return await work(clients, snapshot!)
  } catch (error) {
    throw databaseFault(error)
  } finally {
    for (const client of clients) {
      const lost = await client.query('rollback').then(
        () => undefined,
        (error: Error) => error,
      )
      client.off('error', ignore)
      client.release(lost)
    }
  }
}

async function join(client: pg.PoolClient, snapshot: SnapshotName | undefined): Promise<SnapshotName> {
  if (snapshot !== undefined) {
    // The name comes from the server: hexadecimal digits and dashes. A parameter is not allowed here.
    await client.query(`set transaction snapshot '${snapshot}'`)
    return snapshot
  }
  const { rows } = await client.query<{ snapshot: string }>('select pg_export_snapshot() as snapshot')
  return rows[0]!.snapshot
}

/** A connection that is lost fails the statement under way or the next one. */
function ignore(): void {}
