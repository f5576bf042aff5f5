import pg from 'pg'
import { databaseFault } from './faults.ts'

const CONNECT_MS_MAX = 5000
const STATEMENT_MS_MAX = 60_000
const IDLE_MS_MAX = 30_000

/**
 * Types whose text is exact where JavaScript's is not: numbers beyond 2^53, decimals, and times to the microsecond.
 * Each with its array, as [element type, array type].
 */
const AS_TEXT: readonly (readonly [number, number])[] = [
  [20, 1016], // int8
  [1700, 1231], // numeric
  [1184, 1185], // timestamptz
  [1114, 1115], // timestamp
  [1082, 1182], // date
]
const TEXT = 25
const TEXT_ARRAY: number = 1009

/**
 * A pool whose connections speak UTC and ISO dates. int8, numeric, timestamptz, timestamp and date arrive as text.
 * Waiting for a connection is given up after 5 s, a statement after 60 s. A connection lost while idle is replaced.
 * @param options.max connections at most
 * @param options.seeks it asks for single rows: no table is read from end to end where there is an index
 */
export function openPool(
  databaseUrl: string,
  options: { readonly max: number; readonly seeks?: boolean },
): pg.Pool {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: options.max,
    connectionTimeoutMillis: CONNECT_MS_MAX,
    statement_timeout: STATEMENT_MS_MAX,
    idle_in_transaction_session_timeout: STATEMENT_MS_MAX,
    idleTimeoutMillis: IDLE_MS_MAX,
    keepAlive: true,
    application_name: 'aforo',
    options: `-c timezone=UTC -c datestyle=ISO${options.seeks ? ' -c enable_seqscan=off' : ''}`,
    types: { getTypeParser },
  })
  // Without a listener a lost idle connection would end the process; whoever needs one next learns of it.
  pool.on('error', () => {})
  return pool
}

/**
 * Runs `work` on one connection. One that breaks between two statements fails the next one, and never the process.
 * @param options.isUsedUp `work` leaves on it what another one must not find: it does not go back to the pool
 */
export async function onConnection<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
  { isUsedUp = false }: { readonly isUsedUp?: boolean } = {},
): Promise<T> {
  const client = await pool.connect()
  let isLost = false
  const onError = () => {
    isLost = true
  }
  client.on('error', onError)
  try {
    return await work(client)
  } finally {
    client.off('error', onError)
    client.release(isLost || isUsedUp)
  }
}

/**
 * Runs `work` in one transaction: committed when it resolves, rolled back when it throws. Not repeated.
 * @throws AforoError `unavailable` for a passing fault of the database, `internal` for another one
 */
export async function transaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect().catch((error: unknown) => {
    throw databaseFault(error)
  })
  let lost: Error | undefined
  // A connection that breaks between two statements tells only this listener.
  const onError = (error: Error) => {
    lost = error
  }
  client.on('error', onError)
  try {
    await client.query('begin')
    const result = await work(client)
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback').catch((rollbackError: Error) => {
      lost ??= rollbackError
    })
    throw databaseFault(error)
  } finally {
    client.off('error', onError)
    client.release(lost)
  }
}

function getTypeParser(oid: number, format?: 'text' | 'binary') {
  if (format === 'binary') return pg.types.getTypeParser(oid, 'binary')
  if (AS_TEXT.some(([element]) => element === oid)) return pg.types.getTypeParser(TEXT, 'text')
  if (AS_TEXT.some(([, array]) => array === oid)) return pg.types.getTypeParser(TEXT_ARRAY, 'text')
  return pg.types.getTypeParser(oid, 'text')
}
