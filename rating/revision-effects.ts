import type pg from 'pg'
import { assemblyToDocument } from '../core/assembly-document.ts'
import { AforoError } from '../core/errors.ts'
import type { EventRevision } from '../core/event.ts'
import { type Decimal, ZERO } from '../core/money.ts'
import { type ClaimedRevision, unclaimed } from './claim.ts'
import { readCounters } from './counter-rows.ts'
import { type MeterCounterKey, meterCounterName } from './counters.ts'
import { costDifference, knownCost } from './difference.ts'
import { nameOf } from './name.ts'
import { type Curve, curveOf, priceOfStep } from './plans/curve.ts'
import { PlanShelf } from './plans/plan-shelf.ts'
import { prepareOnce, type Sources } from './prepare.ts'
import { createPricing } from './pricing.ts'
import { isUnpriced, type PreparedEvent } from './rate-event.ts'

/** A revision that nobody has written. */
export type UnwrittenRevision = Pick<
  EventRevision,
  'tenantId' | 'eventId' | 'traceId' | 'revision' | 'time' | 'assembly'
>

/** What revisions would change for somebody. */
export interface CustomerEffect {
  readonly tenantId: string
  /** Null: of nobody that a trace or a person names. */
  readonly customer: string | null
  readonly events: number
  /** Events of which a cost would be unknown. */
  readonly unpriced: number
  readonly cogs: Decimal
  /** In the currencies of the plans. */
  readonly prices: ReadonlyMap<string, Decimal>
}

/** Customers and counters that effects are held of. */
const EFFECTS_MAX = 200_000

interface Effect extends CustomerEffect {
  events: number
  unpriced: number
  cogs: Decimal
  readonly prices: Map<string, Decimal>
}

interface Moved {
  readonly counter: MeterCounterKey
  readonly curve: Curve
  readonly currency: string
  readonly effect: Effect
  quantity: Decimal
}

/**
 * What revisions would cost and be charged beyond what is booked of their events, by what rates them: the same prices,
 * plans and curves. Nothing is written and no counter is locked. Charges are those of all revisions together, since a
 * counter moves by their sum, whatever the order: F(counted + all) − F(counted).
 */
export class RevisionEffects {
  readonly #sources: Sources = { shelf: new PlanShelf(), pricing: createPricing() }
  readonly #effects = new Map<string, Effect>()
  readonly #moved = new Map<string, Moved>()
  readonly #max: number

  constructor(max = EFFECTS_MAX) {
    this.#max = max
  }

  /** @throws AforoError `invalid_argument` beyond the bound */
  async add(client: pg.PoolClient, revisions: readonly UnwrittenRevision[], now: Date): Promise<void> {
    if (revisions.length === 0) return
    const claimed = revisions.map((revision) => asClaimed(revision, now))
    for (const event of await prepareOnce(client, this.#sources, claimed, now)) this.#addEvent(event)
    if (this.#effects.size + this.#moved.size <= this.#max) return
    const told = `more than ${this.#max} customers and counters change: take one tenant after the other`
    throw new AforoError('invalid_argument', told)
  }

  /** By tenant and customer. */
  async close(client: pg.PoolClient): Promise<readonly CustomerEffect[]> {
    const counted = await readCounters(
      client,
      [...this.#moved.values()].map(({ counter }) => counter),
    )
    for (const [name, { curve, currency, effect, quantity }] of this.#moved) {
      const before = counted.get(name)?.quantity ?? ZERO
      const amount = priceOfStep(curve, before, before.plus(quantity))
      effect.prices.set(currency, (effect.prices.get(currency) ?? ZERO).plus(amount))
    }
    this.#moved.clear()
    return [...this.#effects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, effect]) => effect)
  }

  #addEvent(prepared: PreparedEvent): void {
    const { event, booked, costs, steps } = prepared
    const effect = this.#effectOn(event.tenantId, event.customer)
    effect.events++
    if (isUnpriced(costs)) effect.unpriced++
    effect.cogs = effect.cogs.plus(knownCost(costDifference(costs, booked.costs)))
    for (const { counter, customer, quantity } of steps) {
      const name = meterCounterName(counter)
      let moved = this.#moved.get(name)
      if (moved === undefined) {
        const { tenantId, planId, planVersion: version, meterNo } = counter
        const plan = prepared.planOf({ tenantId, planId, version })
        const curve = curveOf(plan, meterNo)
        const payer = this.#effectOn(tenantId, customer)
        moved = { counter, curve, currency: plan.currency, effect: payer, quantity: ZERO }
        this.#moved.set(name, moved)
      }
      moved.quantity = moved.quantity.plus(quantity)
    }
  }

  #effectOn(tenantId: string, customer: string | null): Effect {
    const name = nameOf(tenantId, customer)
    let effect = this.#effects.get(name)
    if (effect === undefined) {
      effect = { tenantId, customer, events: 0, unpriced: 0, cogs: ZERO, prices: new Map() }
      this.#effects.set(name, effect)
    }
    return effect
  }
}

function asClaimed(revision: UnwrittenRevision, now: Date): ClaimedRevision {
  const { tenantId, eventId, traceId, revision: no, time, assembly } = revision
  const { customer, product, agent } = assembly
  const document = assemblyToDocument(assembly)
  return unclaimed(
    { tenantId, eventId, traceId, revision: no, time, customer, product, agent, document },
    now,
  )
}
