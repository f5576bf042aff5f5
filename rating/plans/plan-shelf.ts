import type pg from 'pg'
import type { Plan } from '../../core/plan.ts'
import { nameOf } from '../name.ts'

/** A version of a plan, by name. */
export interface PlanRef {
  readonly tenantId: string
  readonly planId: string
  readonly version: number
}

/** When the versions of a plan begin, in microseconds since 1970, the first version first. */
export interface PlanVersionStart {
  readonly version: number
  readonly effectiveFrom: number
}

/**
 * The version that counts at an instant: the latest to have begun. What was used before there were versions is
 * charged by the first: a customer who was subscribed from then on is to be charged.
 */
export function versionAt(versions: readonly PlanVersionStart[], micros: number): number | null {
  let best: PlanVersionStart | undefined
  for (const version of versions) {
    if (version.effectiveFrom <= micros && (!best || version.effectiveFrom >= best.effectiveFrom))
      best = version
  }
  return (best ?? versions[0])?.version ?? null
}

/** Plans in memory. A version never changes, so it is never read twice; the starts of versions are read each time. */
export class PlanShelf {
  readonly #bodies = new Map<string, Plan>()

  async readStarts(
    client: pg.ClientBase,
    plans: readonly Omit<PlanRef, 'version'>[],
  ): Promise<(plan: Omit<PlanRef, 'version'>) => readonly PlanVersionStart[]> {
    const distinct = [...new Map(plans.map((plan) => [`${plan.tenantId}\0${plan.planId}`, plan])).values()]
    const { rows } = await client.query<{
      tenant_id: string
      plan_id: string
      version: number
      start: string
    }>({
      name: 'rating-plan-starts',
      text: `select plan.tenant_id, plan.plan_id, plan.version,
           (extract(epoch from plan.effective_from) * 1000000)::bigint::text as start
         from unnest($1::text[], $2::text[]) as named (tenant_id, plan_id)
         join aforo_store.plan_versions plan using (tenant_id, plan_id)
         order by plan.version`,
      values: [distinct.map((plan) => plan.tenantId), distinct.map((plan) => plan.planId)],
    })
    const starts = Map.groupBy(rows, (row) => `${row.tenant_id}\0${row.plan_id}`)
    return (plan) =>
      (starts.get(`${plan.tenantId}\0${plan.planId}`) ?? []).map((row) => ({
        version: row.version,
        effectiveFrom: Number(row.start),
      }))
  }

  /** The bodies of the versions named; each is there, as lines of events point at it. */
  async readPlans(client: pg.ClientBase, refs: readonly PlanRef[]): Promise<(ref: PlanRef) => Plan> {
    const wanted = new Map<string, PlanRef>()
    let before: PlanRef | undefined
    for (const ref of refs) {
      if (!before || !isSamePlan(ref, before)) wanted.set(planName(ref), ref)
      before = ref
    }
    const missing = [...wanted.values()].filter((ref) => !this.#bodies.has(planName(ref)))
    if (this.#bodies.size + missing.length > PLANS_HELD_MAX) this.#bodies.clear()
    const fetch = [...wanted.values()].filter((ref) => !this.#bodies.has(planName(ref)))
    if (fetch.length > 0) {
      const { rows } = await client.query<{
        tenant_id: string
        plan_id: string
        version: number
        body: Plan
      }>(
        `select tenant_id, plan_id, version, body
         from unnest($1::text[], $2::text[], $3::integer[]) as named (tenant_id, plan_id, version)
         join aforo_store.plan_versions using (tenant_id, plan_id, version)`,
        [fetch.map((ref) => ref.tenantId), fetch.map((ref) => ref.planId), fetch.map((ref) => ref.version)],
      )
      for (const row of rows) {
        const ref = { tenantId: row.tenant_id, planId: row.plan_id, version: row.version }
        this.#bodies.set(planName(ref), row.body)
      }
    }
    const plans = new Map([...wanted.keys()].map((name) => [name, this.#bodies.get(name)]))
    // Events that follow one another are mostly on one plan.
    let last: PlanRef | undefined
    let lastPlan: Plan | undefined
    return (ref) => {
      if (last && lastPlan && isSamePlan(ref, last)) return lastPlan
      const plan = plans.get(planName(ref))
      last = ref
      lastPlan = plan
      if (!plan) throw new Error(`plan ${ref.planId} has no version ${ref.version}`)
      return plan
    }
  }
}

/** Plans held in memory; at more all are forgotten. */
const PLANS_HELD_MAX = 1_000

function isSamePlan(a: PlanRef, b: PlanRef): boolean {
  return a.version === b.version && a.planId === b.planId && a.tenantId === b.tenantId
}

function planName(ref: PlanRef): string {
  return nameOf(ref.tenantId, ref.planId, ref.version)
}
