import type pg from 'pg'
import { Decimal } from '../core/money.ts'
import type { Plan } from '../core/plan.ts'
import type { RateCard } from '../core/rate-card.ts'
import { onConnection } from '../schema/pool.ts'
import { createPriceBook } from './prices/book.ts'
import { createFindKeys, type ModelKey } from './prices/match.ts'
import { bundledCatalogue } from './prices/seed.ts'
import { isHourly, rateAt } from './prices/terms.ts'
import { TermsShelf } from './prices/terms-shelf.ts'
import { type KeyedRow, rateCard, type UsdOf, worstCost } from './worst-case.ts'

/** Whose call is asked about. */
export interface CardQuestion {
  readonly customer: string
  readonly product: string | null
  readonly agent: string | null
  readonly model: string | null
}

const ONE = new Decimal(1)

/** Finds the dearest that a call of a customer can be, by the plan he is on and the price book as of now. */
export function createRateCards() {
  const book = createPriceBook()
  const shelf = new TermsShelf()
  let catalogue: ReturnType<typeof readCatalogue> | undefined
  return async (pool: pg.Pool, tenantId: string, question: CardQuestion, now: Date): Promise<RateCard> => {
    catalogue ??= readCatalogue()
    const { findKeys, contextTokens } = await catalogue
    return onConnection(pool, async (client) => {
      const plan = await readPlan(client, tenantId, question.customer, now)
      const { model } = question
      const at = now.getTime() * 1000
      const terms = (await shelf.load(client, [tenantId], now, false))(tenantId)
      const usdOf: UsdOf = (currency) =>
        currency === 'USD' ? ONE : (rateAt(terms, currency, at)?.usd ?? null)
      if (model === null) return rateCard(plan, question, null, null, usdOf)
      const keys = findKeys({ provider: null, model, requestModel: null })
      const rowsOf = (
        await book.load(
          client,
          keys.map((key) => ({ ...key, tenantId })),
          now,
        )
      )(tenantId)
      const rows = keys.flatMap((key) => rowsOf(key).map((row): KeyedRow => ({ ...row, key })))
      const tools = await readDearestTool(client, tenantId, now)
      // What a model costs by the hour is spread over its tokens afterwards: beforehand nobody knows what one costs.
      const cogs = isHourly(terms, keys, at) ? null : worstCost(tenantId, keys, rows, tools, at, usdOf)
      return rateCard(plan, question, cogs, contextTokens(keys), usdOf)
    })
  }
}

async function readCatalogue() {
  const providers = await bundledCatalogue()
  const windows = new Map<string, number>()
  for (const { id, models } of providers) {
    for (const { id: model, context_window: tokens } of models) {
      if (tokens !== undefined) windows.set(`${id}\0${model}`, tokens)
    }
  }
  const contextTokens = (keys: readonly ModelKey[]) => {
    for (const { provider, model } of keys) {
      const tokens = windows.get(`${provider}\0${model}`)
      if (tokens !== undefined) return tokens
    }
    return null
  }
  return { findKeys: createFindKeys(providers), contextTokens }
}

/** The plan that charges what is used now; null where the customer is on none. */
async function readPlan(
  client: pg.ClientBase,
  tenantId: string,
  customer: string,
  now: Date,
): Promise<Plan | null> {
  const { rows } = await client.query<{ body: Plan }>(
    `select plan.body
     from (
       select tenant_id, plan_id from aforo_store.subscriptions
       where tenant_id = $1 and customer_id = $2 and effective_from <= $3
       order by effective_from desc, recorded_at desc, subscription_id desc limit 1
     ) subscribed
     join aforo_store.plan_versions plan using (tenant_id, plan_id)
     order by plan.effective_from <= $3 desc,
       case when plan.effective_from <= $3 then plan.effective_from end desc, plan.version desc
     limit 1`,
    [tenantId, customer, now.toISOString()],
  )
  return rows[0]?.body ?? null
}

/** What a call of a tool costs us at most; tools without a price cost nothing. */
async function readDearestTool(client: pg.ClientBase, tenantId: string, now: Date): Promise<Decimal> {
  const { rows } = await client.query<{ dearest: string }>(
    `select coalesce(max(unit_price / per), 0)::text as dearest from aforo_store.price_rows
     where provider = 'tool' and tenant_id in ($1, '') and currency = 'USD' and retracted_at is null
       and effective_from <= $2 and (effective_to is null or effective_to > $2)`,
    [tenantId, now.toISOString()],
  )
  return new Decimal(rows[0]!.dearest)
}
