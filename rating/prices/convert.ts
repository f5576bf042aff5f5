import type { ConditionalPrice, ModelInfo, ModelPrice, Provider } from '@pydantic/genai-prices'
import { Decimal, decimalText } from '../../core/money.ts'
import type { CostMeter } from '../../core/price.ts'

/** A row of the catalogue before it is in the book. Times are RFC 3339, prices decimal text. */
export interface CatalogueRow {
  readonly provider: string
  readonly model: string
  readonly meter: CostMeter
  readonly unitPrice: string
  readonly per: string
  readonly contextFrom: string
  readonly effectiveFrom: string
  readonly effectiveTo: string | null
}

/** Prices without a date are taken as having always been so. */
export const BEGINNING = '1970-01-01T00:00:00.000Z'

/** The catalogue's price keys that a meter of ours can express, with the number of units a price is for. */
const PRICE_KEYS: ReadonlyMap<string, { readonly meter: CostMeter; readonly per: string }> = new Map([
  ['input_mtok', { meter: 'input_uncached', per: '1000000' }],
  ['cache_read_mtok', { meter: 'cache_read', per: '1000000' }],
  ['cache_write_mtok', { meter: 'cache_write', per: '1000000' }],
  ['cache_write_1h_mtok', { meter: 'cache_write_1h', per: '1000000' }],
  ['output_mtok', { meter: 'output', per: '1000000' }],
  ['output_reasoning_mtok', { meter: 'reasoning', per: '1000000' }],
  ['requests_kcount', { meter: 'request', per: '1000' }],
  ['web_searches_kcount', { meter: 'web_search', per: '1000' }],
])

/** Digits of a catalogue price that are believed; what is beyond is dust of binary floats. */
const SIGNIFICANT_DIGITS = 12

/** Rows of the price book for what the library's data says. An entry without prices gives no row: its price is unknown. */
export function toCatalogueRows(providers: readonly Provider[]): readonly CatalogueRow[] {
  return providers.flatMap((provider) =>
    provider.models.flatMap((model) =>
      spansOfTime(model).flatMap((span) => rowsOf(provider.id, model.id, span)),
    ),
  )
}

interface PricedTime {
  readonly from: string
  readonly to: string | null
  readonly prices: ModelPrice
}

/**
 * The prices of a model over time, each until the next begins. A price that depends on the hour of the day cannot be
 * said in a row, and either hour's price would be wrong at the other: such a model has no price from the last dated
 * change on (or at all), and is unpriced until an override says otherwise.
 */
function spansOfTime(model: ModelInfo): readonly PricedTime[] {
  const conditions: readonly ConditionalPrice[] = Array.isArray(model.prices)
    ? model.prices
    : [{ prices: model.prices }]
  const dated = conditions
    .filter((condition) => condition.constraint?.type !== 'time_of_date')
    .map((condition) => ({ from: startOf(condition), prices: condition.prices }))
    .sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0))
  const spans = dated.map((each, i) => ({ ...each, to: dated[i + 1]?.from ?? null }))
  return dated.length === conditions.length ? spans : spans.slice(0, -1)
}

function startOf(condition: ConditionalPrice): string {
  const constraint = condition.constraint
  return constraint?.type === 'start_date' ? new Date(constraint.start_date).toISOString() : BEGINNING
}

function rowsOf(provider: string, model: string, span: PricedTime): readonly CatalogueRow[] {
  const rows: CatalogueRow[] = []
  for (const [key, price] of Object.entries(span.prices)) {
    const known = PRICE_KEYS.get(key)
    if (!known || price === undefined) continue
    const steps =
      typeof price === 'number' ? [{ start: 0, price }] : [{ start: 0, price: price.base }, ...price.tiers]
    for (const step of steps) {
      rows.push({
        provider,
        model,
        ...known,
        unitPrice: cleanDecimal(step.price),
        contextFrom: String(step.start),
        effectiveFrom: span.from,
        effectiveTo: span.to,
      })
    }
  }
  return rows
}

/** `0.08333333333333334` as `0.0833333333333`: the shortest text of the float, then 12 significant digits. */
export function cleanDecimal(price: number): string {
  return decimalText(new Decimal(String(price)).toSignificantDigits(SIGNIFICANT_DIGITS))
}
