import type pg from 'pg'
import { AforoError } from '../core/errors.ts'

/** An append-only table whose rows hold from an instant to another and are known from one to another. */
export interface DatedTable {
  readonly name: string
  readonly id: string
  /** Of what a row is about: of one such series one row counts at an instant. */
  readonly series: readonly string[]
  /** What a row says of it. */
  readonly says: readonly string[]
}

export const DISCOUNTS: DatedTable = {
  name: 'price_discounts',
  id: 'price_discount_id',
  series: ['tenant_id', 'contract_id'],
  says: ['provider', 'model', 'meter', 'discount_pct'],
}
export const FX_RATES: DatedTable = {
  name: 'fx_rates',
  id: 'fx_rate_id',
  series: ['tenant_id', 'currency'],
  says: ['usd', 'source'],
}
export const HOURLY_COSTS: DatedTable = {
  name: 'hourly_costs',
  id: 'hourly_cost_id',
  series: ['tenant_id', 'provider', 'model'],
  says: ['custom_id', 'hourly_usd', 'units', 'spread_over'],
}

/** A row to record. Times are RFC 3339; without `effectiveTo` it holds until the next one that is known begins. */
export interface DatedRow {
  readonly series: readonly string[]
  readonly says: readonly string[]
  readonly effectiveFrom: string
  readonly effectiveTo: string | null
}

export type StoredDatedRow = Readonly<Record<string, string | null>>

const EXCLUDED = '23P01'

/**
 * Adds a row. What was known of the series and says otherwise for some of the same time ends to be known at `now`; what
 * of its time is left to it is recorded anew. Nothing that was said is ever changed.
 *
 * @throws AforoError `conflict` where the series was written at this very instant
 */
export async function recordDatedRow(
  client: pg.ClientBase,
  table: DatedTable,
  row: DatedRow,
  now: Date,
): Promise<StoredDatedRow> {
  const until = row.effectiveTo ?? (await nextBeginning(client, table, row))
  const about = table.series.map((column, no) => `${column} = $${no + 4}`).join(' and ')
  const columns = [...table.series, ...table.says]
  const values = [now.toISOString(), row.effectiveFrom, until, ...row.series]
  const { rows: overtaken } = await client.query<StoredDatedRow>(
    `update aforo_store.${table.name} row set retracted_at = $1
     where row.retracted_at is null and row.recorded_at < $1 and ${about}
       and tstzrange(row.effective_from, row.effective_to) && tstzrange($2, $3)
     returning ${table.id}::text as id`,
    values,
  )
  await client.query(
    `insert into aforo_store.${table.name} (${columns.join(', ')}, effective_from, effective_to, recorded_at)
     select ${columns.join(', ')}, lower(piece), upper(piece), $1
     from aforo_store.${table.name} row
     cross join lateral unnest(tstzmultirange(tstzrange(row.effective_from, row.effective_to))
       - tstzmultirange(tstzrange($2, $3))) as piece
     where row.${table.id} = any ($4::bigint[])`,
    [...values.slice(0, 3), overtaken.map(({ id }) => id)],
  )
  const places = columns.map((_, no) => `$${no + 4}`)
  const { rows } = await client
    .query<StoredDatedRow>(
      `insert into aforo_store.${table.name} (${columns.join(', ')}, effective_from, effective_to, recorded_at)
       values (${places.join(', ')}, $2, $3, $1)
       returning ${told(table)}`,
      [...values, ...row.says],
    )
    .catch((error: { code?: string }) => {
      if (error.code !== EXCLUDED) throw error
      throw new AforoError('conflict', 'something else was said of the same thing at this very instant')
    })
  return rows[0]!
}

/** The rows of a tenant that are known now, by what they are about and when they begin. */
export async function readDatedRows(
  client: pg.ClientBase,
  table: DatedTable,
  where: Readonly<Record<string, string>>,
  rows: number,
): Promise<readonly StoredDatedRow[]> {
  const conditions = Object.keys(where).map((column, no) => `and ${column} = $${no + 1}`)
  const found = await client.query<StoredDatedRow>(
    `select ${told(table)} from aforo_store.${table.name}
     where retracted_at is null ${conditions.join(' ')}
     order by ${table.series.join(', ')}, effective_from limit ${rows}`,
    Object.values(where),
  )
  return found.rows
}

function told({ id, series, says }: DatedTable): string {
  return [
    `${id}::text as id`,
    ...[...series, ...says].map((column) => `${column}::text as ${column}`),
    'effective_from::text as effective_from',
    'effective_to::text as effective_to',
    'recorded_at::text as recorded_at',
  ].join(', ')
}

async function nextBeginning(
  client: pg.ClientBase,
  table: DatedTable,
  row: DatedRow,
): Promise<string | null> {
  const about = table.series.map((column, no) => `${column} = $${no + 2}`).join(' and ')
  const { rows } = await client.query<{ next: string | null }>(
    `select min(effective_from)::text as next from aforo_store.${table.name}
     where retracted_at is null and effective_from > $1 and ${about}`,
    [row.effectiveFrom, ...row.series],
  )
  return rows[0]?.next ?? null
}
