import type pg from 'pg'
import type { AssemblyDocument } from '../core/assembly-document.ts'
import { TOKEN_METERS } from '../core/price.ts'
import { ByNames } from './by-names.ts'
import type { ClaimedRevision } from './claim.ts'
import { AS_REPORTED, type PriceOf, REPORTED, type UsedPrice } from './costs/cost.ts'
import { COST_CURRENCY, NOT_ALLOCATED, noRateFor } from './costs/cost-sums.ts'
import { readReportedProviders } from './costs/reported-providers.ts'
import { nameOf } from './name.ts'
import { createPriceBook, type WantedKey } from './prices/book.ts'
import { createFindKeys, type FindKeys, type ModelKey, type ModelNames } from './prices/match.ts'
import { priceRegion } from './prices/regions.ts'
import { remembered } from './prices/remembered.ts'
import { type BookRow, type RowsOf, resolvePrice } from './prices/resolve.ts'
import { bundledCatalogue } from './prices/seed.ts'
import { NO_SHARES, readShares, type ShareOf } from './prices/shares.ts'
import {
  type Discount,
  discountOn,
  type FxRate,
  isHourly,
  NO_TERMS,
  rateAt,
  type Terms,
} from './prices/terms.ts'
import { TermsShelf } from './prices/terms-shelf.ts'
import { validityOf } from './prices/validity.ts'

/** Answers what quantities cost, for the models of a batch of events; from rows read now where `fresh` is asked for. */
export interface Pricing {
  forEvents(
    client: pg.PoolClient,
    events: readonly ClaimedRevision[],
    now: Date,
    fresh?: boolean,
  ): Promise<(event: ClaimedRevision) => Prices>
}

/** What there is to know of prices for an event. */
export interface Prices {
  readonly priceOf: PriceOf
  /** What a unit of a currency is worth in USD at an instant, in microseconds since 1970; null: nobody has said. */
  readonly rateOf: (currency: string, at: number) => FxRate | null
}

export const NO_PRICES: Prices = { priceOf: () => null, rateOf: () => null }

/** All rows that are committed are known; only who asks about the past asks as of an earlier instant. */
const ALL_KNOWN = Number.POSITIVE_INFINITY
const NANOS_PER_MICRO = 1000n

export function createPricing(): Pricing {
  const book = createPriceBook()
  const shelf = new TermsShelf()
  let finding: Promise<FindKeys> | undefined
  return {
    async forEvents(client, events, now, fresh) {
      finding ??= bundledCatalogue().then(createFindKeys)
      const findKeys = await finding
      const wanted = wantedKeys(events, findKeys)
      const rowsFor = await book.load(client, wanted, now, fresh)
      const counts = await readReportedProviders(client, events)
      const tenantIds = events.map((event) => event.tenantId)
      const termsOf = await shelf.load(client, tenantIds, now, fresh ?? false)
      // Only who has a model by the hour can have shares.
      const spread = events.filter(({ tenantId }) => termsOf(tenantId).hourly.length > 0)
      const shareOf = await readShares(client, spread)
      const pricesOf = (tenantId: string, shares: ShareOf): Prices => {
        const terms = termsOf(tenantId)
        const rowsOf = rowsFor(tenantId)
        const priceOf = remembered(
          priceFrom(tenantId, findKeys, rowsOf, ALL_KNOWN, terms, shares),
          (question) =>
            validityOf(findKeys(question).flatMap(rowsOf), terms, question.at, question.inputTokens),
        )
        return {
          priceOf: (question) => {
            if (question.meter !== REPORTED) return priceOf(question)
            return counts(tenantId, question.provider) ? AS_REPORTED : null
          },
          rateOf: (currency, at) => rateAt(terms, currency, at),
        }
      }
      // Events of a tenant have the same prices, unless each has its share of an hour.
      const common = new Map<string, Prices>()
      return (event) => {
        const { tenantId } = event
        if (termsOf(tenantId).hourly.length > 0) return pricesOf(tenantId, shareOf(event))
        const known = common.get(tenantId)
        if (known) return known
        const prices = pricesOf(tenantId, NO_SHARES)
        common.set(tenantId, prices)
        return prices
      }
    },
  }
}

/** Prices from rows that are in memory. */
export function priceFrom(
  tenantId: string,
  findKeys: FindKeys,
  rowsOf: RowsOf,
  knownAt: number = ALL_KNOWN,
  terms: Terms = NO_TERMS,
  shareOf: ShareOf = NO_SHARES,
): PriceOf {
  // The meters of a call are asked for one after the other.
  let asked: ModelNames | undefined
  let keys: readonly ModelKey[] = []
  const held = new Map<ModelKey, readonly BookRow[]>()
  const rowsHeld: RowsOf = (key) => {
    let rows = held.get(key)
    if (!rows) {
      rows = rowsOf(key)
      held.set(key, rows)
    }
    return rows
  }
  return (question) => {
    if (question.meter === REPORTED) return null
    if (!asked || !sameNames(asked, question)) {
      asked = question
      keys = findKeys(question)
    }
    const at = Number(question.at / NANOS_PER_MICRO)
    const row = resolvePrice(
      {
        tenantId,
        keys,
        meter: question.meter,
        serviceTier: question.serviceTier,
        region: priceRegion(question.provider, question.region),
        place: question.region?.trim().toLowerCase() ?? '',
        inputTokens: question.inputTokens,
        at,
        knownAt,
      },
      rowsHeld,
    )
    if (terms === NO_TERMS && row?.currency === COST_CURRENCY) return row
    if (terms.hourly.length > 0 && TOKEN_METERS.has(question.meter) && isBelowCustom(row)) {
      if (isHourly(terms, keys, at)) {
        return shareOf(keys, question.meter, question.serviceTier) ?? AWAITING_ALLOCATION
      }
    }
    return row && withTerms(row, discountOn(row, keys, question.meter, at, terms), terms, at)
  }
}

/** What is agreed or said of the tokens themselves goes before what their model costs by the hour. */
function isBelowCustom(row: BookRow | null): boolean {
  return row === null || row.book === 'catalogue'
}

/** The discount is taken off the list first, then the currency is changed. */
function withTerms(row: BookRow, discount: Discount | null, terms: Terms, at: number): UsedPrice {
  if (row.currency === COST_CURRENCY) return discount ? { ...row, discount } : row
  const fx = rateAt(terms, row.currency, at)
  return fx ? { ...row, discount, fx } : { ...row, wants: noRateFor(row.currency) }
}

/** Stands for the price of a model that costs by the hour until the hour has been spread. */
const AWAITING_ALLOCATION: UsedPrice = { ...AS_REPORTED, wants: NOT_ALLOCATED }

function sameNames(a: ModelNames, b: ModelNames): boolean {
  return a.model === b.model && a.provider === b.provider && a.requestModel === b.requestModel
}

/** The keys that events ask the book for, each once for a tenant. */
export function wantedKeys(events: readonly ClaimedRevision[], findKeys: FindKeys): readonly WantedKey[] {
  const asked = new Map<string, ByNames<object>>()
  for (const { tenantId, document } of events) {
    let own = asked.get(tenantId)
    if (!own) {
      own = new ByNames<object>(() => ASKED)
      asked.set(tenantId, own)
    }
    // A packed call leaves out what it does not have.
    const { calls, tools } = document as AssemblyDocument
    for (const { provider = null, model = null, requestModel = null } of calls) {
      own.of(provider, model, requestModel)
    }
    for (const { name } of tools) own.of('tool', name, null)
  }
  return [...asked].flatMap(([tenantId, { entries }]) => {
    const keys = new Map<string, WantedKey>()
    for (const { names } of entries) {
      const [provider, model, requestModel] = names
      for (const key of findKeys({ provider, model, requestModel })) {
        keys.set(nameOf(key.provider, key.model), { ...key, tenantId })
      }
    }
    return [...keys.values()]
  })
}

const ASKED = {}
