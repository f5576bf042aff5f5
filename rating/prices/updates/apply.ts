import { effective, sameTerms } from '../in-force.ts'
import { type ListPrice, seriesOf } from '../list-price.ts'
import { type BookPrice, modelOf, type PriceChange, type ProposedChange } from './diff.ts'
import { priceBefore } from './price-before.ts'

/**
 * The rows that an approved change puts into the book at `now`, or null where the book has moved on since it was
 * proposed. What lies ahead begins now or at its instant; what is new keeps its time, as far as nothing prices it yet;
 * what is back-dated ends where another price took over.
 */
export function rowsToRecord(
  { kind, changes }: ProposedChange,
  book: readonly BookPrice[],
  now: string,
): readonly ListPrice[] | null {
  const known = Map.groupBy(book, seriesOf)
  const models = Map.groupBy(book, modelOf)
  const rows: ListPrice[] = []
  for (const change of changes) {
    if (change.next === null) continue
    const of = change.next
    const before = priceBefore(models, of)
    const own = known.get(seriesOf(of)) ?? []
    const said = (instant: string) => effective(own, instant) ?? before.at(instant)
    const edges = [...own, ...before.rows].flatMap((row) =>
      row.effectiveTo === null ? [row.effectiveFrom] : [row.effectiveFrom, row.effectiveTo],
    )
    const time = timeOf(kind, change, { said, edges, now })
    if (time === null) return null
    const [effectiveFrom, effectiveTo] = time
    if (effectiveTo !== null && effectiveTo <= effectiveFrom) continue
    rows.push({ ...of, effectiveFrom, effectiveTo })
  }
  return rows
}

interface BookNow {
  readonly said: (instant: string) => BookPrice | null
  /** Where what the book says may change. */
  readonly edges: readonly string[]
  readonly now: string
}

/** Null: the book says something else by now than what was to be replaced. */
function timeOf(
  kind: ProposedChange['kind'],
  { from, to, old }: PriceChange,
  { said, edges, now }: BookNow,
): readonly [string, string | null] | null {
  const isAhead = kind === 'change' || kind === 'revocation'
  const begins = isAhead && (from === null || from < now) ? now : from!
  const end = kind === 'back_dated' ? (to ?? now) : to
  const within = [begins, ...edges.filter((edge) => edge > begins && (end === null || edge < end))].sort()
  const differs = within.find((instant) => !isSame(said(instant), old))
  if (differs === undefined) return [begins, end]
  // A back-dated price without an end of its own goes as far as the old one did.
  return kind === 'back_dated' && to === null && differs > begins ? [begins, differs] : null
}

function isSame(row: BookPrice | null, old: BookPrice | null): boolean {
  return row === null || old === null ? row === old : sameTerms(row, old)
}
