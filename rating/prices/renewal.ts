import { effective, sameTerms } from './in-force.ts'
import { type ListPrice, seriesOf } from './list-price.ts'

/**
 * The rows to add so that from `now` (RFC 3339) on the book says what the catalogue says. The past stays as it was
 * recorded: a changed price begins now, or at its own date if that is ahead; a series the book never had is taken
 * with its whole history, as it can only complete what is unpriced. A model the catalogue dropped keeps its rows.
 *
 * `stored` is in the order in which it was recorded.
 */
export function renewal(
  stored: readonly ListPrice[],
  wanted: readonly ListPrice[],
  now: string,
): readonly ListPrice[] {
  const book = bySeries(stored)
  const catalogue = bySeries(wanted)
  const added: ListPrice[] = []
  for (const [series, rows] of catalogue) {
    const known = book.get(series)
    added.push(...(known ? changes(known, rows, now) : rows))
  }
  // A long-context price that was given up: the base price takes its place.
  for (const [series, rows] of book) {
    const first = rows[0]!
    const { contextFrom, contextInclusive } = first
    const base = catalogue.get(seriesOf({ ...first, contextFrom: '0', contextInclusive: false }))
    if (catalogue.has(series) || !base) continue
    added.push(...changes(rows, base, now).map((row) => ({ ...row, contextFrom, contextInclusive })))
  }
  return added
}

/** Compares the two at `now` and at every later instant where either changes. */
function changes(
  known: readonly ListPrice[],
  wanted: readonly ListPrice[],
  now: string,
): readonly ListPrice[] {
  const edges = [...known, ...wanted].flatMap((row) => [row.effectiveFrom, row.effectiveTo ?? now])
  const instants = [...new Set([now, ...edges.filter((edge) => edge > now)])].sort()
  const added: ListPrice[] = []
  for (const instant of instants) {
    const want = effective(wanted, instant)
    const have = effective(added, instant) ?? effective(known, instant)
    if (want && !(have && sameTerms(have, want))) added.push({ ...want, effectiveFrom: instant })
  }
  return added
}

function bySeries(rows: readonly ListPrice[]): Map<string, ListPrice[]> {
  const series = new Map<string, ListPrice[]>()
  for (const row of rows) {
    const key = seriesOf(row)
    const list = series.get(key)
    if (list) list.push(row)
    else series.set(key, [row])
  }
  return series
}
