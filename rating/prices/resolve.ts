import type { Decimal } from '../../core/money.ts'
import { BOOKS, type Book, type CostMeter } from '../../core/price.ts'
import type { ModelKey } from './match.ts'

/** A row of the book as resolution reads it. Instants are microseconds since 1970. */
export interface BookRow {
  readonly priceRowId: string
  readonly tenantId: string
  readonly book: Book
  readonly meter: string
  readonly serviceTier: string
  readonly currency: string
  readonly unitPrice: Decimal
  readonly per: Decimal
  readonly contextFrom: number
  readonly effectiveFrom: number
  readonly effectiveTo: number | null
  readonly recordedAt: number
}

/** What is asked of the book for one meter of one call. */
export interface PriceQuestion {
  readonly tenantId: string
  readonly keys: readonly ModelKey[]
  readonly meter: CostMeter
  readonly serviceTier: string
  /** The call's whole input: it chooses among prices by context length. */
  readonly inputTokens: number
  readonly at: number
  readonly knownAt: number
}

/** All rows of a key, for the tenant and for everybody. */
export type RowsOf = (key: ModelKey) => readonly BookRow[]

/**
 * The row that prices a meter, or null where the book has none. Order: contract, override, custom, catalogue; in each
 * the tenant's own before everybody's; the model that ran before the one asked for; the highest context threshold the
 * call is above; the latest effective; the latest recorded.
 *
 * A meter without a row of its own takes another's price where that is what providers do (`stepsIn`).
 */
export function resolvePrice(question: PriceQuestion, rowsOf: RowsOf): BookRow | null {
  const own = resolveMeter(question, question.meter, rowsOf)
  if (own) return own
  const other = stepsIn(question.meter, (meter) => resolveMeter(question, meter, rowsOf) !== null)
  return other && resolveMeter(question, other, rowsOf)
}

/**
 * Which meter's price counts for one that has none. Reasoning is output. Embedding models have an input price only.
 * A provider that lists no price for cached tokens bills them as input, no discount and no surcharge. But one that
 * lists a price for five-minute writes and none for one-hour writes charges something for these that we do not know.
 */
function stepsIn(meter: CostMeter, isPriced: (meter: CostMeter) => boolean): CostMeter | null {
  switch (meter) {
    case 'reasoning':
      return 'output'
    case 'embedding':
    case 'cache_read':
    case 'cache_write':
      return 'input_uncached'
    case 'cache_write_1h':
      return isPriced('cache_write') ? null : 'input_uncached'
    default:
      return null
  }
}

function resolveMeter(question: PriceQuestion, meter: CostMeter, rowsOf: RowsOf): BookRow | null {
  let best: Ranked | null = null
  question.keys.forEach((key, keyNo) => {
    for (const row of rowsOf(key)) {
      if (row.meter !== meter || !applies(row, question)) continue
      const ranked = { row, rank: [BOOKS.indexOf(row.book), row.tenantId === '' ? 1 : 0, keyNo] as const }
      if (best === null || goesBefore(ranked, best)) best = ranked
    }
  })
  return (best as Ranked | null)?.row ?? null
}

interface Ranked {
  readonly row: BookRow
  /** Book, own or everybody's, key: lower goes first. */
  readonly rank: readonly [number, number, number]
}

function applies(row: BookRow, question: PriceQuestion): boolean {
  return (
    (row.tenantId === '' || row.tenantId === question.tenantId) &&
    row.serviceTier === question.serviceTier &&
    row.effectiveFrom <= question.at &&
    (row.effectiveTo === null || question.at < row.effectiveTo) &&
    row.recordedAt <= question.knownAt &&
    (row.contextFrom === 0 || question.inputTokens > row.contextFrom)
  )
}

function goesBefore({ row, rank }: Ranked, { row: other, rank: otherRank }: Ranked): boolean {
  for (const i of [0, 1, 2] as const) if (rank[i] !== otherRank[i]) return rank[i] < otherRank[i]
  if (row.contextFrom !== other.contextFrom) return row.contextFrom > other.contextFrom
  if (row.effectiveFrom !== other.effectiveFrom) return row.effectiveFrom > other.effectiveFrom
  if (row.recordedAt !== other.recordedAt) return row.recordedAt > other.recordedAt
  return BigInt(row.priceRowId) > BigInt(other.priceRowId)
}
