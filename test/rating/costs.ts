import { readFileSync } from 'node:fs'
import type { Assembly } from '../../core/assembly.ts'
import { Decimal } from '../../core/money.ts'
import type { AttributeValue, Span } from '../../core/span.ts'
import { nanoOfMillis } from '../../core/time.ts'
import type { PriceOf } from '../../rating/costs/cost.ts'
import { toListPrices } from '../../rating/prices/convert.ts'
import { correct, knownAliases } from '../../rating/prices/correct.ts'
import type { ListPrice } from '../../rating/prices/list-price.ts'
import { createFindKeys } from '../../rating/prices/match.ts'
import type { BookRow } from '../../rating/prices/resolve.ts'
import { bundledCatalogue } from '../../rating/prices/seed.ts'
import { priceFrom } from '../../rating/pricing.ts'
import { assemble } from '../../receiver/assemble/assemble.ts'
import { DEFAULT_ATTRIBUTION } from '../../receiver/dialects/attribution.ts'
import { toUsage } from '../../receiver/dialects/normalise.ts'

/**
 * What a usage costs at an instant by the provider's own list, and how that is worked out. Token counts include their
 * subsets. `cost` null: nobody can say.
 */
export interface CostOracle {
  readonly id: string
  readonly provider: string
  readonly model: string
  readonly at: string
  readonly service_tier: string
  readonly region?: string
  readonly usage: Readonly<Record<string, number>>
  readonly cost: string | null
  readonly why?: string
}

/**
 * What others answer; what follows from the providers' rules; at their bounds and instants; names as they are spelled;
 * further models and what stacks.
 */
export const COST_ORACLES: readonly CostOracle[] = [
  'costs',
  'costs-by-rule',
  'costs-at-edges',
  'costs-by-name',
  'costs-further',
].flatMap((file) => JSON.parse(readFileSync(new URL(`../oracles/${file}.json`, import.meta.url), 'utf8')))

/** OpenTelemetry's names; what it has none for is stated as `aforo.usage.<unit>`. */
const USAGE_KEYS: Readonly<Record<string, string>> = {
  input_tokens: 'gen_ai.usage.input_tokens',
  output_tokens: 'gen_ai.usage.output_tokens',
  cache_read_tokens: 'gen_ai.usage.cache_read.input_tokens',
  cache_write_tokens: 'gen_ai.usage.cache_creation.input_tokens',
  reasoning_tokens: 'gen_ai.usage.reasoning.output_tokens',
}

/** The span that an instrumentation would send of such a call. */
export function spanOf(oracle: CostOracle, no = 1): Span {
  const attributes: Record<string, AttributeValue> = {
    'gen_ai.operation.name': oracle.model.includes('embed') ? 'embeddings' : 'chat',
    'gen_ai.provider.name': oracle.provider,
    'gen_ai.request.model': oracle.model,
    'gen_ai.response.model': oracle.model,
    'aforo.service_tier': oracle.service_tier,
    ...(oracle.region === undefined ? {} : { 'cloud.region': oracle.region }),
  }
  for (const [unit, count] of Object.entries(oracle.usage)) {
    attributes[USAGE_KEYS[unit] ?? `aforo.usage.${unit}`] = count
  }
  const startNano = nanoOfMillis(Date.parse(oracle.at))
  return {
    traceId: no.toString(16).padStart(32, '0'),
    spanId: no.toString(16).padStart(16, '0'),
    parentSpanId: '',
    name: `chat ${oracle.model}`,
    kind: 'client',
    failed: false,
    failureStatus: null,
    startNano,
    endNano: startNano + 1_000_000_000n,
    scopeName: 'test-scope',
    scopeVersion: '',
    attribute: (key) => (Object.hasOwn(attributes, key) ? attributes[key] : undefined),
    nextOf: (keys, from) => keys.findIndex((key, at) => at >= from && Object.hasOwn(attributes, key)),
    resource: () => undefined,
  }
}

/** What the trace of that one span amounts to. */
export function assemblyOfOracle(oracle: CostOracle, no?: number): Assembly {
  const span = spanOf(oracle, no)
  return assemble([toUsage(span, DEFAULT_ATTRIBUTION)], { now: span.endNano + 1n })
}

/** Prices of the bundled catalogue with our corrections, without a database. */
export async function cataloguePrices(): Promise<PriceOf> {
  const providers = await bundledCatalogue()
  const rows = new Map<string, BookRow[]>()
  const add = (key: string, row: BookRow) => rows.set(key, [...(rows.get(key) ?? []), row])
  const list = correct(toListPrices(providers))
  list.forEach((price, no) => {
    add(`${price.provider}\0${price.model}`, bookRow(price, no))
    for (const alias of knownAliases()) {
      if (alias.toProvider !== price.provider || alias.toModel !== price.model) continue
      add(`${alias.provider}\0${alias.alias}`, {
        ...bookRow(price, no),
        aliased: true,
        effectiveFrom: Math.max(micros(price.effectiveFrom)!, micros(alias.effectiveFrom)!),
        effectiveTo: earlier(micros(price.effectiveTo), micros(alias.effectiveTo)),
      })
    }
  })
  return priceFrom(
    'default',
    createFindKeys(providers),
    (key) => rows.get(`${key.provider}\0${key.model}`) ?? [],
  )
}

function bookRow(price: ListPrice, no: number): BookRow {
  return {
    ...price,
    priceRowId: `${no}`,
    tenantId: '',
    book: 'catalogue',
    currency: 'USD',
    unitPrice: new Decimal(price.unitPrice),
    per: new Decimal(price.per),
    minQuantity: price.minQuantity === null ? null : new Decimal(price.minQuantity),
    roundingQuantity: price.roundingQuantity === null ? null : new Decimal(price.roundingQuantity),
    contextFrom: Number(price.contextFrom),
    aliased: false,
    effectiveFrom: micros(price.effectiveFrom)!,
    effectiveTo: micros(price.effectiveTo),
    recordedAt: 0,
    retractedAt: null,
  }
}

function micros(instant: string | null): number | null {
  return instant === null ? null : Date.parse(instant) * 1000
}

function earlier(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b)
}
