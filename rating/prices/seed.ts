import { createHash } from 'node:crypto'
import { type Provider, waitForUpdate } from '@pydantic/genai-prices'
import type pg from 'pg'
import { AforoError } from '../../core/errors.ts'
import { transaction } from '../../schema/pool.ts'
import { type PriceToRecord, recordPriceRows } from '../../schema/price-rows.ts'
import { seedAliases } from './aliases.ts'
import { catalogueRows, completePriced, lockPriceBook, pulledSeries } from './catalogue-book.ts'
import { CATALOGUE_SOURCE, toListPrices } from './convert.ts'
import { correct, knownAliases, withOwnModels } from './correct.ts'
import { type ListPrice, seriesOf } from './list-price.ts'
import { createFindKeys } from './match.ts'
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
    await lockPriceBook(client)
    if ((await storedDigest(client)) === digest) return { added: 0 }
    const added = await addRows(client, rows, digest, now)
    await seedAliases(client, aliases, now)
    await completePriced(client, added, createFindKeys(catalogue), now)
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
  const pulled = await pulledSeries(client)
  // What a pull brought is newer than what a release is bundled with.
  const bundled = wanted.filter((row) => !pulled.has(seriesOf(row)))
  const rows = renewal(await catalogueRows(client), bundled, now.toISOString())
  const known = { tenantId: '', book: 'catalogue', currency: 'USD', sourceDigest: digest }
  await recordPriceRows(
    client,
    rows.map((row): PriceToRecord => ({ ...row, ...known })),
    now,
  )
  await client.query(
    `insert into aforo_store.meta (key, value) values ($1, $2)
     on conflict (key) do update set value = excluded.value`,
    [DIGEST_KEY, digest],
  )
  return rows
}
