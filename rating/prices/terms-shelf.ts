import type pg from 'pg'
import { Decimal } from '../../core/money.ts'
import { microsOf } from '../../schema/instant.ts'
import { BOOK_AGE_MS } from './book.ts'
import { type Discount, type FxRate, type HourlyCost, NO_TERMS, type Terms } from './terms.ts'

/** Tenants whose terms are held; at more all are forgotten. */
const TERMS_HELD_MAX = 5_000

interface Entry {
  readonly terms: Terms
  readonly readAt: number
}

/** The terms of tenants in memory, read again when they are as old as rows of the price book may be. */
export class TermsShelf {
  readonly #held = new Map<string, Entry>()

  async load(
    client: pg.ClientBase,
    tenantIds: Iterable<string>,
    now: Date,
    fresh: boolean,
  ): Promise<(tenantId: string) => Terms> {
    const wanted = [...new Set(tenantIds)]
    const isHeld = (tenantId: string) => {
      const entry = this.#held.get(tenantId)
      return !fresh && entry !== undefined && Math.abs(now.getTime() - entry.readAt) < BOOK_AGE_MS
    }
    const missing = wanted.filter((tenantId) => !isHeld(tenantId))
    const read = missing.length === 0 ? new Map<string, Terms>() : await readTerms(client, missing)
    const used = new Map(wanted.map((id) => [id, read.get(id) ?? this.#held.get(id)?.terms ?? NO_TERMS]))
    if (this.#held.size + missing.length > TERMS_HELD_MAX) this.#held.clear()
    for (const tenantId of missing.slice(0, TERMS_HELD_MAX)) {
      this.#held.set(tenantId, { terms: read.get(tenantId) ?? NO_TERMS, readAt: now.getTime() })
    }
    return (tenantId) => used.get(tenantId) ?? NO_TERMS
  }
}

const IN_FORCE = `${microsOf('effective_from')} as effective_from, ${microsOf('effective_to')} as effective_to`

/** All three in one statement: most tenants have none of them, and each statement is a round trip. */
const TERMS = `
  select 'discount' as kind, tenant_id, price_discount_id::text as id, provider, model, meter,
    discount_pct::text as number, ${IN_FORCE}
  from aforo_store.price_discounts where tenant_id = any ($1) and retracted_at is null
  union all
  select 'rate', tenant_id, fx_rate_id::text, null, currency, null, usd::text, ${IN_FORCE}
  from aforo_store.fx_rates where tenant_id = any ($1) and retracted_at is null
  union all
  select 'hourly', tenant_id, hourly_cost_id::text, provider, model, null, null, ${IN_FORCE}
  from aforo_store.hourly_costs where tenant_id = any ($1) and retracted_at is null`

interface TermsRow {
  readonly kind: 'discount' | 'rate' | 'hourly'
  readonly tenant_id: string
  readonly id: string
  readonly provider: string
  readonly model: string
  readonly meter: string
  readonly number: string
  readonly effective_from: string
  readonly effective_to: string | null
}

async function readTerms(
  client: pg.ClientBase,
  tenantIds: readonly string[],
): Promise<ReadonlyMap<string, Terms>> {
  const { rows } = await client.query<TermsRow>({ name: 'price-terms', text: TERMS, values: [tenantIds] })
  return new Map([...Map.groupBy(rows, (row) => row.tenant_id)].map(([id, own]) => [id, termsOf(own)]))
}

function termsOf(rows: readonly TermsRow[]): Terms {
  const discounts: Discount[] = []
  const rates = new Map<string, (FxRate & Force)[]>()
  const hourly: HourlyCost[] = []
  for (const { kind, id, provider, model, meter, number, effective_from, effective_to } of rows) {
    const force = {
      effectiveFrom: Number(effective_from),
      effectiveTo: effective_to === null ? null : Number(effective_to),
    }
    if (kind === 'discount')
      discounts.push({ id, provider, model, meter, pct: new Decimal(number), ...force })
    else if (kind === 'hourly') hourly.push({ provider, model, ...force })
    else {
      const rate = { id, usd: new Decimal(number), ...force }
      const known = rates.get(model)
      if (known) known.push(rate)
      else rates.set(model, [rate])
    }
  }
  return { discounts, rates, hourly }
}

type Force = { readonly effectiveFrom: number; readonly effectiveTo: number | null }
