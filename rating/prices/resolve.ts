import type { Decimal } from '../../core/money.ts'
import {
  BOOKS,
  type Book,
  type CostMeter,
  type FeeBasis,
  type PriceSchedule,
  TOKEN_METERS,
} from '../../core/price.ts'
import type { ModelKey } from './match.ts'
import { isWithin } from './schedule.ts'

/**
 * A row of the book as resolution reads it: effective for usage in [effectiveFrom, effectiveTo), known in [recordedAt,
 * retractedAt), microseconds since 1970. Of one series no two that are known at an instant are effective at one instant.
 */
export interface BookRow {
  readonly priceRowId: string
  readonly tenantId: string
  readonly book: Book
  readonly meter: string
  readonly serviceTier: string
  /** Region or deployment with a price of its own; empty for the others. */
  readonly region: string
  readonly currency: string
  /** Money for `per` units. */
  readonly unitPrice: Decimal
  readonly per: Decimal
  readonly feeBasis: FeeBasis
  readonly minQuantity: Decimal | null
  readonly roundingQuantity: Decimal | null
  /** It counts for calls whose whole input is above so many tokens, or at it where `contextInclusive`. */
  readonly contextFrom: number
  readonly contextInclusive: boolean
  readonly schedule: PriceSchedule | null
  /** It is the key's by a dated alias: such a row goes before those the key has of itself. */
  readonly aliased: boolean
  readonly effectiveFrom: number
  readonly effectiveTo: number | null
  readonly recordedAt: number
  readonly retractedAt: number | null
}

/** What is asked of the book for one meter of one call. */
export interface PriceQuestion {
  readonly tenantId: string
  readonly keys: readonly ModelKey[]
  readonly meter: CostMeter
  readonly serviceTier: string
  /** As `priceRegion` names it. */
  readonly region: string
  /** The region as the span has it, in lower case: what a tenant's own price may name. */
  readonly place?: string
  /** The call's whole input: it chooses among prices by context length. */
  readonly inputTokens: number
  readonly at: number
  readonly knownAt: number
}

/** All rows of a key, for the tenant and for everybody. */
export type RowsOf = (key: ModelKey) => readonly BookRow[]

/**
 * The row that prices a meter, or null where the book has none. Order: contract, override, custom, catalogue; in each the
 * tenant's own before everybody's; the model that ran before the one asked for; a price of the region before one for
 * everywhere; a price by the hour before one for all hours; the highest context threshold the call is above; the latest
 * effective; the latest recorded.
 *
 * Where the catalogue has prices of the call's region, its others do not count there. A fee without a row of the call's
 * tier or region costs what it always costs. A meter without a row of its own takes another's price where that is what
 * providers do (`stepsIn`).
 */
export function resolvePrice(question: PriceQuestion, rowsOf: RowsOf): BookRow | null {
  const own = resolveMeter(question, question.meter, rowsOf)
  if (own) return own
  if (!TOKEN_METERS.has(question.meter)) {
    return resolveMeter({ ...question, serviceTier: STANDARD, region: '', place: '' }, question.meter, rowsOf)
  }
  const other = stepsIn(question.meter, (meter) => resolveMeter(question, meter, rowsOf) !== null)
  return other && resolveMeter(question, other, rowsOf)
}

/**
 * Which meter's price counts for one that has none. Reasoning is output, and so are citations. Images and video are
 * text to a provider that lists no price for them; of audio that is not so. Embedding models have an input price only.
 * A provider that lists no price for cached tokens bills them as input, no discount and no surcharge. But one that
 * lists a price for five-minute writes and none for one-hour writes charges something for these that we do not know.
 */
function stepsIn(meter: CostMeter, isPriced: (meter: CostMeter) => boolean): CostMeter | null {
  switch (meter) {
    case 'reasoning':
    case 'citation':
    case 'output_image':
    case 'output_video':
      return 'output'
    case 'cache_read_image':
      return isPriced('cache_read') ? 'cache_read' : 'input_uncached'
    case 'embedding':
    case 'input_image':
    case 'input_video':
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
  const row = bestRow(question, meter, rowsOf)
  return row && isServed(row, question, meter, rowsOf) ? row : null
}

/**
 * Whether the list's price of a tier reaches the call's length. Where only the ordinary tier has a price of its own from
 * that length on, the tier is not sold there, and its price for less would be too low.
 */
function isServed(row: BookRow, question: PriceQuestion, meter: CostMeter, rowsOf: RowsOf): boolean {
  if (row.book !== 'catalogue' || question.serviceTier === STANDARD) return true
  const standard = bestRow({ ...question, serviceTier: STANDARD }, meter, rowsOf)
  return row.contextFrom >= (standard?.contextFrom ?? 0)
}

const STANDARD = 'standard'

function bestRow(question: PriceQuestion, meter: CostMeter, rowsOf: RowsOf): BookRow | null {
  const regional = question.region !== '' && isRegional(question, meter, rowsOf)
  let best: Ranked | null = null
  question.keys.forEach((key, keyNo) => {
    for (const row of rowsOf(key)) {
      if (row.meter !== meter || !applies(row, question)) continue
      if (!isThere(row, question, regional)) continue
      const ranked = { row, rank: [BOOKS.indexOf(row.book), row.tenantId === '' ? 1 : 0, keyNo] as const }
      if (best === null || goesBefore(ranked, best)) best = ranked
    }
  })
  return (best as Ranked | null)?.row ?? null
}

function isThere(row: BookRow, { region, place }: PriceQuestion, regional: boolean): boolean {
  if (row.region === region) return true
  if (row.region === '') return !(regional && row.book === 'catalogue')
  return row.book !== 'catalogue' && row.region === place
}

/** Whether a meter has a price of the region, of whatever tier and time: then the list's others do not count there. */
function isRegional(question: PriceQuestion, meter: CostMeter, rowsOf: RowsOf): boolean {
  return question.keys.some((key) =>
    rowsOf(key).some((row) => row.meter === meter && row.region === question.region),
  )
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
    (row.retractedAt === null || question.knownAt < row.retractedAt) &&
    (row.contextFrom === 0 ||
      question.inputTokens > row.contextFrom ||
      (row.contextInclusive && question.inputTokens === row.contextFrom)) &&
    (row.schedule === null || isWithin(row.schedule, question.at))
  )
}

function goesBefore({ row, rank }: Ranked, { row: other, rank: otherRank }: Ranked): boolean {
  for (const i of [0, 1, 2] as const) if (rank[i] !== otherRank[i]) return rank[i] < otherRank[i]
  if (row.region !== other.region) return row.region !== ''
  if (row.aliased !== other.aliased) return row.aliased
  if ((row.schedule === null) !== (other.schedule === null)) return row.schedule !== null
  if (row.contextFrom !== other.contextFrom) return row.contextFrom > other.contextFrom
  if (row.effectiveFrom !== other.effectiveFrom) return row.effectiveFrom > other.effectiveFrom
  if (row.recordedAt !== other.recordedAt) return row.recordedAt > other.recordedAt
  return BigInt(row.priceRowId) > BigInt(other.priceRowId)
}
