import type { CatalogueRow } from './convert.ts'

/**
 * The rows to add so that from `now` (RFC 3339) on the book says what the catalogue says. The past stays as it was
 * recorded: a changed price begins now, or at its own date if that is ahead; a series the book never had is taken
 * with its whole history, as it can only complete what is unpriced. A model the catalogue dropped keeps its rows.
 *
 * `stored` is in the order in which it was recorded.
 */
export function renewal(
  stored: readonly CatalogueRow[],
  wanted: readonly CatalogueRow[],
  now: string,
): readonly CatalogueRow[] {
  const book = bySeries(stored)
  const catalogue = bySeries(wanted)
  const added: CatalogueRow[] = []
  for (const [series, rows] of catalogue) {
    const known = book.get(series)
    added.push(...(known ? changes(known, rows, now) : rows))
  }
  // A long-context price that was given up: the base price takes its place.
  for (const [series, rows] of book) {
    const first = rows[0]!
    const base = catalogue.get(seriesOf({ ...first, contextFrom: '0' }))
    if (catalogue.has(series) || !base) continue
    added.push(...changes(rows, base, now).map((row) => ({ ...row, contextFrom: first.contextFrom })))
  }
  return added
}

/** Compares the two at `now` and at every later instant where either changes. */
function changes(
  known: readonly CatalogueRow[],
  wanted: readonly CatalogueRow[],
  now: string,
): readonly CatalogueRow[] {
  const edges = [...known, ...wanted].flatMap((row) => [row.effectiveFrom, row.effectiveTo ?? now])
  const instants = [...new Set([now, ...edges.filter((edge) => edge > now)])].sort()
  const rows = [...known]
  for (const instant of instants) {
    const want = effective(wanted, instant)
    const have = effective(rows, instant)
    if (!want || (have?.unitPrice === want.unitPrice && have.per === want.per)) continue
    rows.push({ ...want, effectiveFrom: instant })
  }
  return rows.slice(known.length)
}

/** The row in force: the latest to begin, of two the one recorded later. */
function effective(rows: readonly CatalogueRow[], instant: string): CatalogueRow | undefined {
  let best: CatalogueRow | undefined
  for (const row of rows) {
    if (row.effectiveFrom > instant || (row.effectiveTo !== null && row.effectiveTo <= instant)) continue
    if (!best || row.effectiveFrom >= best.effectiveFrom) best = row
  }
  return best
}

function bySeries(rows: readonly CatalogueRow[]): Map<string, CatalogueRow[]> {
  const series = new Map<string, CatalogueRow[]>()
  for (const row of rows) {
    const key = seriesOf(row)
    const list = series.get(key)
    if (list) list.push(row)
    else series.set(key, [row])
  }
  return series
}

function seriesOf(row: CatalogueRow): string {
  return [row.provider, row.model, row.meter, row.contextFrom].join('\0')
}
