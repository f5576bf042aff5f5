import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'

/**
 * What people and catalogues said, in an order in which each row finds what it points at. A row was written at its
 * `recorded_at` and never changed, but for `retracted_at`: set once, when another row took its place.
 */
const FACT_TABLES: readonly { readonly name: string; readonly retracts: boolean }[] = [
  { name: 'customers', retracts: false },
  { name: 'plan_versions', retracts: false },
  { name: 'subscriptions', retracts: false },
  { name: 'price_rows', retracts: true },
  { name: 'price_imports', retracts: false },
  { name: 'price_proposals', retracts: false },
  { name: 'price_decisions', retracts: false },
  { name: 'price_aliases', retracts: true },
  { name: 'price_discounts', retracts: true },
  { name: 'fx_rates', retracts: true },
  { name: 'hourly_costs', retracts: true },
  { name: 'allocation_shares', retracts: false },
  { name: 'attributions', retracts: false },
  { name: 'stated_usage', retracts: false },
  { name: 'tenant_settings', retracts: false },
  { name: 'provider_settings', retracts: false },
  { name: 'product_settings', retracts: false },
  { name: 'vendor_bills', retracts: false },
]

/** Selects every instant at which a fact was written or retracted, in order, as microseconds since 1970. */
export const FACT_INSTANTS = `
  select distinct (extract(epoch from at) * 1000000)::bigint::text as at
  from (${FACT_TABLES.flatMap(({ name, retracts }) =>
    (retracts ? ['recorded_at', 'retracted_at'] : ['recorded_at']).map(
      (column) => `select ${column} as at from aforo_store.${name} where ${column} is not null`,
    ),
  ).join(' union all ')}) fact
  order by 1`

/** Copies what was written after one instant and up to another, microseconds since 1970. */
export async function copyFacts(
  source: pg.PoolClient,
  target: pg.Pool,
  after: bigint,
  upTo: bigint,
): Promise<void> {
  const client = await target.connect()
  try {
    await client.query('begin')
    for (const { name, retracts } of FACT_TABLES) {
      const columns = await columnsOf(source, name)
      // What gives way goes first: two rows of one series may not be known at the same instant.
      if (retracts) await retract(source, client, name, columns[0]!, after, upTo)
      const values = columns.map((column) =>
        column === 'retracted_at'
          ? `case when retracted_at <= ${instant(upTo)} then retracted_at end`
          : column,
      )
      const rows = `select ${values.join(', ')} from aforo_store.${name} where ${written('recorded_at', after, upTo)}`
      await copyRows(source, client, rows, `aforo_store.${name} (${columns.join(', ')})`)
    }
    await client.query('commit')
    client.release()
  } catch (error) {
    client.release(true)
    throw error
  }
}

/** Copies the rows of a query into columns of a table, as they are. */
export async function copyRows(
  source: pg.PoolClient,
  target: pg.PoolClient,
  rows: string,
  into: string,
): Promise<void> {
  await pipeline(
    source.query(copyTo(`copy (${rows}) to stdout (format binary)`)),
    target.query(copyFrom(`copy ${into} from stdin (format binary)`)),
  )
}

/** Facts that are written from now on get ids beyond those that were copied. */
export async function reserveFactIds(target: pg.Pool): Promise<void> {
  const { rows } = await target.query<{ name: string; column: string }>(
    `select relname as name, attname as column from pg_attribute join pg_class on attrelid = pg_class.oid
     where relnamespace = 'aforo_store'::regnamespace and relname = any ($1) and attidentity <> ''`,
    [FACT_TABLES.map(({ name }) => name)],
  )
  for (const { name, column } of rows) {
    await target.query(
      `select setval(pg_get_serial_sequence('aforo_store.${name}', '${column}'), max(${column}))
       from aforo_store.${name} having count(*) > 0`,
    )
  }
}

async function retract(
  source: pg.PoolClient,
  target: pg.PoolClient,
  table: string,
  id: string,
  after: bigint,
  upTo: bigint,
): Promise<void> {
  const { rows } = await source.query<{ id: string; at: string }>(
    `select ${id}::text as id, retracted_at as at from aforo_store.${table}
     where ${written('retracted_at', after, upTo)}`,
  )
  await target.query(
    `update aforo_store.${table} row set retracted_at = gone.at
     from unnest($1::bigint[], $2::timestamptz[]) as gone (id, at) where row.${id} = gone.id`,
    [rows.map((row) => row.id), rows.map((row) => row.at)],
  )
}

/** Columns that are written, not computed; of these tables the first is the key where there is one of one column. */
export async function columnsOf(client: pg.PoolClient, table: string): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select attname as name from pg_attribute
     where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = '' order by attnum`,
    [`aforo_store.${table}`],
  )
  return rows.map((row) => row.name)
}

function written(column: string, after: bigint, upTo: bigint): string {
  return `${column} > ${instant(after)} and ${column} <= ${instant(upTo)}`
}

/** COPY takes no parameters; a number of microseconds needs no quoting. */
function instant(micros: bigint): string {
  return `(timestamptz 'epoch' + ${micros} * interval '1 microsecond')`
}
