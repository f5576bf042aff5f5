import type pg from 'pg'
import type { ImportReport } from '../../../core/price-updates.ts'
import { transaction } from '../../../schema/pool.ts'
import { importPrices } from './import-prices.ts'
import { readSource, type SourceText, sourceName } from './read-source.ts'

/** Where catalogues come from: files or URLs, `#sha256=…` behind them where they must be known ones. */
export interface PullSources {
  readonly source: string
  /** The second catalogue; empty: none. */
  readonly against: string
}

/** Reads both at once. */
export async function readSources({
  source,
  against,
}: PullSources): Promise<readonly [SourceText, SourceText | null]> {
  return Promise.all([readSource(source), against === '' ? null : readSource(against)])
}

const HOUR_MS = 3_600_000

/** Reads the catalogues and compares them with the book. Nothing is held while they are read. */
export async function pullPrices(
  pool: pg.Pool,
  { source, against, allowFewer = false }: PullSources & { readonly allowFewer?: boolean },
  now: () => Date,
): Promise<ImportReport> {
  const [catalogue, second] = await readSources({ source, against })
  return transaction(pool, (client) => importPrices(client, { catalogue, second, allowFewer, now: now() }))
}

/**
 * Pulls where the last look at the catalogue is older than `everyHours`. Processes that find so at once pull at once: the
 * second changes nothing.
 * @returns the report, or null where it was not yet due
 */
export async function pullDue(
  pool: pg.Pool,
  sources: PullSources,
  everyHours: number,
  now: Date,
): Promise<ImportReport | null> {
  const { rows } = await pool.query<{ recent: boolean }>(
    'select exists (select from aforo_store.price_imports where source = $1 and recorded_at > $2) as recent',
    [sourceName(sources.source), new Date(now.getTime() - everyHours * HOUR_MS).toISOString()],
  )
  return rows[0]!.recent ? null : pullPrices(pool, sources, () => now)
}
