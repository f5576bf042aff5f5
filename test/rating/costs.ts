import { readFileSync } from 'node:fs'
import type { ModelCall } from '../../core/assembly.ts'
import { Decimal } from '../../core/money.ts'
import { nanoOfMillis } from '../../core/time.ts'
import type { PriceOf } from '../../rating/cost.ts'
import { toCatalogueRows } from '../../rating/prices/convert.ts'
import { createFindKeys } from '../../rating/prices/match.ts'
import type { BookRow } from '../../rating/prices/resolve.ts'
import { bundledCatalogue } from '../../rating/prices/seed.ts'
import { priceFrom } from '../../rating/pricing.ts'
import { modelCall } from './events.ts'

/** What a usage costs at an instant by the provider's own list. Token counts include their subsets. */
export interface CostOracle {
  readonly id: string
  readonly provider: string
  readonly model: string
  readonly at: string
  readonly service_tier: string
  readonly usage: Readonly<Record<string, number>>
  readonly cost: string
}

export function costOracles(): readonly CostOracle[] {
  return JSON.parse(readFileSync(new URL('../oracles/costs.json', import.meta.url), 'utf8'))
}

const TOKENS = /_tokens$/

export function callOf(oracle: CostOracle, spanNo = 1): ModelCall {
  const { usage } = oracle
  const read = usage.cache_read_tokens ?? 0
  const write = usage.cache_write_tokens ?? 0
  const write1h = usage.cache_write_1h_tokens ?? 0
  const reasoning = usage.reasoning_tokens ?? 0
  const startNano = nanoOfMillis(Date.parse(oracle.at))
  return modelCall(spanNo, {
    kind: oracle.model.includes('embedding') ? 'embedding' : 'chat',
    provider: oracle.provider,
    model: oracle.model,
    requestModel: null,
    startNano,
    endNano: startNano,
    serviceTier: oracle.service_tier,
    buckets: {
      inputUncached: (usage.input_tokens ?? 0) - read - write,
      cacheRead: read,
      cacheWrite: write - write1h,
      cacheWrite1h: write1h,
      outputText: (usage.output_tokens ?? 0) - reasoning,
      outputReasoning: reasoning,
    },
    quantities: Object.fromEntries(Object.entries(usage).filter(([unit]) => !TOKENS.test(unit))),
  })
}

/** Prices of the bundled catalogue alone, without a database. */
export async function cataloguePrices(): Promise<PriceOf> {
  const providers = await bundledCatalogue()
  const rows = new Map<string, BookRow[]>()
  toCatalogueRows(providers).forEach((row, no) => {
    const name = `${row.provider}\0${row.model}`
    const effectiveTo = row.effectiveTo === null ? null : Date.parse(row.effectiveTo) * 1000
    const list = rows.get(name) ?? []
    rows.set(name, list)
    list.push({
      priceRowId: `${no}`,
      tenantId: '',
      book: 'catalogue',
      meter: row.meter,
      serviceTier: 'standard',
      currency: 'USD',
      unitPrice: new Decimal(row.unitPrice),
      per: new Decimal(row.per),
      contextFrom: Number(row.contextFrom),
      effectiveFrom: Date.parse(row.effectiveFrom) * 1000,
      effectiveTo,
      recordedAt: 0,
    })
  })
  return priceFrom(
    'default',
    createFindKeys(providers),
    (key) => rows.get(`${key.provider}\0${key.model}`) ?? [],
  )
}
