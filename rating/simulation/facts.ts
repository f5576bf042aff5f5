import type pg from 'pg'
import { AforoError } from '../../core/errors.ts'
import type { Plan } from '../../core/plan.ts'
import { type PlanChoice, SIMULATION_CUSTOMERS_MAX, type SimulationOrder } from '../../core/simulation.ts'
import { COST_CURRENCY } from '../costs/cost-sums.ts'
import { type PlanRef, PlanShelf, type PlanVersionStart, versionAt } from '../plans/plan-shelf.ts'
import type { Term } from './terms.ts'

interface SubscriptionRow {
  readonly id: string
  readonly customer: string
  readonly planId: string
  readonly timezone: string
  readonly anchorDay: number
  readonly from: number
}

/**
 * The subscriptions in force at some time of the span, each until the next one of its customer.
 * @throws AforoError `not_found` for customers who are named and not there; `invalid_argument` beyond the bound
 */
export async function readTerms(
  client: pg.PoolClient,
  { tenantId, to, customers }: SimulationOrder,
): Promise<readonly Term[]> {
  const named = customers && [...new Set(customers.map(({ customer }) => customer))]
  await refuseUnknown(client, tenantId, named)
  const { rows } = await client.query<SubscriptionRow>(
    `select subscription_id::text as id, customer_id as customer, plan_id as "planId", timezone,
       anchor_day as "anchorDay", (extract(epoch from effective_from) * 1000)::double precision as from
     from aforo_store.subscriptions
     where tenant_id = $1 and effective_from < $2 and ($3::text[] is null or customer_id = any ($3))
     order by customer_id, effective_from, recorded_at, subscription_id
     limit $4`,
    [tenantId, to, named, 2 * SIMULATION_CUSTOMERS_MAX],
  )
  if (rows.length === 2 * SIMULATION_CUSTOMERS_MAX)
    throw tooMany(`${2 * SIMULATION_CUSTOMERS_MAX} subscriptions`)
  return rows.map((row, no) => {
    const next = rows[no + 1]
    const { id, ...rest } = row
    return { ...rest, subscriptionId: id, until: next?.customer === row.customer ? next.from : null }
  })
}

export function tooMany(what: string): AforoError {
  const message = `would look at more than ${what}: name the customers`
  return new AforoError('invalid_argument', `/customers ${message}`, {
    faults: [{ path: '/customers', message }],
  })
}

async function refuseUnknown(
  client: pg.PoolClient,
  tenantId: string,
  named: readonly string[] | null,
): Promise<void> {
  if (named === null) return
  const { rows } = await client.query<{ customer: string }>(
    `select customer from unnest($2::text[]) as customer
     where not exists (select from aforo_store.customers where tenant_id = $1 and customer_id = customer)`,
    [tenantId, named],
  )
  if (rows.length > 0) {
    const list = rows.slice(0, 10).map(({ customer }) => customer)
    throw new AforoError('not_found', `there is no customer ${list.join(', ')}`)
  }
}

/** Plans of one tenant: the versions of those that are named, and the choices of an order. */
export interface Plans {
  readonly startsOf: (planId: string) => readonly PlanVersionStart[]
  readonly planOf: (ref: Omit<PlanRef, 'tenantId'>) => Plan
}

/** What is compared is added up, and currencies do not add up. */
function refuseForeign({ currency }: Plan, named: string): void {
  if (currency === COST_CURRENCY) return
  throw new AforoError('invalid_argument', `${named} is in ${currency}: simulations are in ${COST_CURRENCY}`)
}

/**
 * All versions of the plans.
 * @throws AforoError `invalid_argument` where one is in another currency than USD
 */
export async function readPlans(
  client: pg.PoolClient,
  tenantId: string,
  planIds: readonly string[],
): Promise<Plans> {
  const shelf = new PlanShelf()
  const refs = [...new Set(planIds)].map((planId) => ({ tenantId, planId }))
  const starts = await shelf.readStarts(client, refs)
  const versions = refs.flatMap((ref) => starts(ref).map(({ version }) => ({ ...ref, version })))
  const planOf = await shelf.readPlans(client, versions)
  for (const ref of versions) refuseForeign(planOf(ref), `plan ${ref.planId}`)
  return {
    startsOf: (planId) => starts({ tenantId, planId }),
    planOf: (ref) => planOf({ tenantId, ...ref }),
  }
}

/** @throws AforoError `not_found` where there is no such plan or version */
export async function readChoice(
  client: pg.PoolClient,
  { tenantId, now }: SimulationOrder,
  choice: PlanChoice | null,
): Promise<Plan | null> {
  if (choice === null) return null
  if ('body' in choice) {
    refuseForeign(choice.body, 'the plan')
    return choice.body
  }
  const { planId, version: wanted } = choice
  const { startsOf, planOf } = await readPlans(client, tenantId, [planId])
  const starts = startsOf(planId)
  const version = wanted ?? versionAt(starts, Date.parse(now) * 1000)
  if (version === null || !starts.some((start) => start.version === version)) {
    const which = wanted === null ? '' : `version ${wanted} of `
    throw new AforoError('not_found', `there is no ${which}plan ${planId}`)
  }
  return planOf({ planId, version })
}
