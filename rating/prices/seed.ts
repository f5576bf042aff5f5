import { createHash } from 'node:crypto'
import { type Provider, waitForUpdate } from '@pydantic/genai-prices'
import type pg from 'pg'
import { AforoError } from '../../core/errors.ts'
import { completeEvents } from '../../schema/completion.ts'
import { transaction } from '../../schema/pool.ts'
import { type RecordedPrice, recordPriceRows } from '../../schema/price-rows.ts'
import { seedAliases } from './aliases.ts'
import { CATALOGUE_SOURCE, toListPrices } from './convert.ts'
import { correct, knownAliases, withOwnModels } from './correct.ts'
import type { ListPrice } from './list-price.ts'
import { createFindKeys, type FindKeys } from './match.ts'
import { renewal } from './renewal.ts'

const DIGEST_KEY = 'price_book_digest'

/** The catalogue that is bundled with the library, with the models we add to it; it is never fetched. */
export async function bundledCatalogue(): Promise<readonly Provider[]> {
  const providers = await waitForUpdate()
  if (!providers?.length) throw new AforoError('internal', `${CATALOGUE_SOURCE} brought no prices`)
  return withOwnModels(providers)
}

/**
 * Brings the catalogue, corrected, into the price book. Does nothing where the same catalogue is there already; any number of
 * processes may call it at once.
 *
 * @returns the number of rows added
 */
export async function seedPriceBook(
  pool: pg.Pool,
  now: Date,
  providers?: readonly Provider[],
): Promise<{ readonly added: number }> {
  const catalogue = providers ?? (await bundledCatalogue())
  const rows = correct(toListPrices(catalogue))
  const aliases = knownAliases()
  const digest = createHash('sha256')
    .update(JSON.stringify([rows, aliases]))
    .digest('hex')
  if ((await storedDigest(pool)) === digest) return { added: 0 }
  return transaction(pool, async (client) => {
    await client.query(`select pg_advisory_xact_lock(hashtextextended('aforo price book', 0))`)
    if ((await storedDigest(client)) === digest) return { added: 0 }
    const added = await addRows(client, rows, digest, now)
    await seedAliases(client, aliases, now)
    await completeWaiting(client, added, createFindKeys(catalogue), now)
    return { added: added.length }
  })
}

async function storedDigest(client: pg.Pool | pg.PoolClient): Promise<string | null> {
  const { rows } = await client.query<{ value: string }>(
    'select value from aforo_store.meta where key = $1',
    [DIGEST_KEY],
  )
  return rows[0]?.value ?? null
}

async function addRows(
  client: pg.PoolClient,
  wanted: readonly ListPrice[],
  digest: string,
  now: Date,
): Promise<readonly ListPrice[]> {
  const rows = renewal(await storedRows(client), wanted, now.toISOString())
  const known = { tenantId: '', book: 'catalogue', currency: 'USD', sourceDigest: digest }
  await recordPriceRows(
    client,
    rows.map((row): RecordedPrice => ({ ...row, ...known })),
    now,
  )
  await client.query(
    `insert into aforo_store.meta (key, value) values ($1, $2)
     on conflict (key) do update set value = excluded.value`,
    [DIGEST_KEY, digest],
  )
  return rows
}

/** Completes the events that waited for a price of a model which has one now. */
async function completeWaiting(
  client: pg.PoolClient,
  added: readonly ListPrice[],
  findKeys: FindKeys,
  now: Date,
): Promise<void> {
  const priced = new Set(added.map((row) => `${row.provider}\0${row.model}`))
  const { rows } = await client.query<{ tenant_id: string; provider: string | null; model: string }>(
    `select distinct tenant_id, provider, model from aforo_store.exceptions
     where kind = 'unpriced' and resolved_at is null and model is not null and provider is distinct from 'tool'
     order by tenant_id`,
  )
  for (const { tenant_id: tenantId, provider, model } of rows) {
    const keys = findKeys({ provider, model, requestModel: null })
    if (!keys.some((key) => priced.has(`${key.provider}\0${key.model}`))) continue
    await completeEvents(client, tenantId, { kind: 'price', provider: provider ?? '', model }, now)
  }
}

async function storedRows(client: pg.PoolClient): Promise<readonly ListPrice[]> {
  const { rows } = await client.query<ListPrice>(
    `select provider, model, meter, service_tier as "serviceTier", region, trim_scale(unit_price)::text as "unitPrice",
       per::text as per, fee_basis as "feeBasis", trim_scale(min_quantity)::text as "minQuantity",
       trim_scale(rounding_quantity)::text as "roundingQuantity", context_from::text as "contextFrom",
       context_inclusive as "contextInclusive", schedule,
       to_char(effective_from at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "effectiveFrom",
       to_char(effective_to at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "effectiveTo",
       derived, source
     from aforo_store.price_rows
     where tenant_id = '' and book = 'catalogue' and retracted_at is null
     order by recorded_at, price_row_id`,
  )
  return rows
}
