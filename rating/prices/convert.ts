import type { ConditionalPrice, ModelInfo, ModelPrice, Provider } from '@pydantic/genai-prices'
import { Decimal, decimalText } from '../../core/money.ts'
import type { CostMeter, FeeBasis } from '../../core/price.ts'
import { BEGINNING, type ListPrice } from './list-price.ts'

/** The package the list comes from, as rows name it. */
export const CATALOGUE_SOURCE = '@pydantic/genai-prices'

/** The catalogue's price keys that a meter of ours can express, with the number of units a price is for. */
export const PRICE_KEYS: ReadonlyMap<string, PriceUnit> = new Map([
  ['input_mtok', tokens('input_uncached')],
  ['cache_read_mtok', tokens('cache_read')],
  ['cache_write_mtok', tokens('cache_write')],
  ['cache_write_1h_mtok', tokens('cache_write_1h')],
  ['output_mtok', tokens('output')],
  ['output_reasoning_mtok', tokens('reasoning')],
  ['output_citation_mtok', tokens('citation')],
  ['input_audio_mtok', tokens('input_audio')],
  ['cache_audio_read_mtok', tokens('cache_read_audio')],
  ['output_audio_mtok', tokens('output_audio')],
  ['input_image_mtok', tokens('input_image')],
  ['cache_image_read_mtok', tokens('cache_read_image')],
  ['output_image_mtok', tokens('output_image')],
  ['input_video_mtok', tokens('input_video')],
  ['output_video_mtok', tokens('output_video')],
  ['requests_kcount', { meter: 'request', per: '1000', feeBasis: 'request' }],
  ['web_searches_kcount', { meter: 'web_search', per: '1000', feeBasis: 'call' }],
  ['storage_searches_kcount', { meter: 'file_search', per: '1000', feeBasis: 'call' }],
  ['input_document_kpages', { meter: 'page', per: '1000', feeBasis: 'call' }],
  ['input_annotated_document_kpages', { meter: 'annotated_page', per: '1000', feeBasis: 'call' }],
  ['input_audio_hours', { meter: 'input_audio_second', per: '3600', feeBasis: 'second' }],
])

interface PriceUnit {
  readonly meter: CostMeter
  readonly per: string
  readonly feeBasis: FeeBasis
}

function tokens(meter: CostMeter): PriceUnit {
  return { meter, per: '1000000', feeBasis: 'token' }
}

/** Digits of a catalogue price that are believed; what is beyond is dust of binary floats. */
const SIGNIFICANT_DIGITS = 12

/** Rows of the price book for what the library's data says. An entry without prices gives no row: its price is unknown. */
export function toListPrices(providers: readonly Provider[]): readonly ListPrice[] {
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
 * The prices of a model over time, each until the next begins. Where a price depends on the hour of the day, the
 * catalogue does not say from when on, nor on which days: such a model has no price of the catalogue's from the last
 * dated change on (or at all), and takes those of our corrections.
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

function rowsOf(provider: string, model: string, span: PricedTime): readonly ListPrice[] {
  const rows: ListPrice[] = []
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
        serviceTier: 'standard',
        region: '',
        unitPrice: cleanDecimal(step.price),
        minQuantity: null,
        roundingQuantity: null,
        contextFrom: String(step.start),
        contextInclusive: false,
        schedule: null,
        effectiveFrom: span.from,
        effectiveTo: span.to,
        derived: false,
        source: CATALOGUE_SOURCE,
      })
    }
  }
  return rows
}

/** `0.08333333333333334` as `0.0833333333333`: the shortest text of the float, then 12 significant digits. */
export function cleanDecimal(price: number): string {
  return decimalText(new Decimal(String(price)).toSignificantDigits(SIGNIFICANT_DIGITS))
}
