import type pg from 'pg'
import { AforoError } from '../../core/errors.ts'
import { Decimal, decimalText, ZERO } from '../../core/money.ts'
import type { Plan } from '../../core/plan.ts'
import { SIMULATION_CUSTOMERS_MAX, type Simulation, type SimulationOrder } from '../../core/simulation.ts'
import { cancelOnAbort } from '../../schema/cancel.ts'
import { inSnapshot } from '../../schema/snapshot.ts'
import { createPriceBook } from '../prices/book.ts'
import { createFindKeys } from '../prices/match.ts'
import { remembered } from '../prices/remembered.ts'
import { bundledCatalogue } from '../prices/seed.ts'
import { TermsShelf } from '../prices/terms-shelf.ts'
import { validityOf } from '../prices/validity.ts'
import { priceFrom } from '../pricing.ts'
import { countBooked, countEvent, Seen, type Switching } from './count.ts'
import { bookedPages, countPending, type ReachingPeriods, usagePages } from './events.ts'
import { readChoice, readPlans, readTerms, tooMany } from './facts.ts'
import { differenceOf, settle, withMarkup } from './settle.ts'
import { createFindSwitch, targetsOf } from './switching.ts'
import { Tally } from './tally.ts'
import { periodAt, type Term } from './terms.ts'
import { scaleBy } from './token-ratio.ts'

/** Connections of one simulation: events and booked sums are read beside each other; one more to end them early. */
export const SIMULATION_CONNECTIONS = 3

/**
 * The events of a span of time as they were charged, and as they would be under another plan, with other models or
 * another mark-up. Reads the database as it is at one instant, writes nothing, and holds sums only, no events.
 *
 * @param pool with `SIMULATION_CONNECTIONS` to spare
 * @throws AforoError `not_found` for a plan or customer that is not there; `invalid_argument` beyond a bound;
 *   `unavailable` where the signal stopped it
 */
export async function simulate(
  pool: pg.Pool,
  order: SimulationOrder,
  signal: AbortSignal,
): Promise<Simulation> {
  return inSnapshot(pool, SIMULATION_CONNECTIONS - 1, async ([reader, summer]) => {
    const quiet = [
      await cancelOnAbort(pool, reader!, signal),
      await cancelOnAbort(pool, summer!, signal),
    ] as const
    try {
      return await simulateIn(reader!, summer!, order, signal)
    } finally {
      for (const stop of quiet) await stop()
    }
  })
}

async function simulateIn(
  reader: pg.PoolClient,
  summer: pg.PoolClient,
  order: SimulationOrder,
  signal: AbortSignal,
): Promise<Simulation> {
  const terms = await readTerms(reader, order)
  const triedPlan = await readTriedPlans(reader, order)
  const switching = await readSwitching(reader, order)
  const reaching = reachingPeriods(terms, Date.parse(order.from))
  const tally = new Tally(switching.ratios.length)
  const seen = new Seen()
  const ends = await Promise.allSettled([
    countEvents(reader, order, reaching, tally, seen, switching, signal),
    countBooks(summer, order, reaching, tally, switching, signal),
  ])
  // Both have stopped before their connections are given back.
  for (const end of ends) if (end.status === 'rejected') throw end.reason
  const booked = (ends[1] as PromiseFulfilledResult<Booked>).value
  const places = [...tally.places]
  const planIds = [
    ...terms.map(({ planId }) => planId),
    ...places.flatMap(({ planId }) => (planId === null ? [] : [planId])),
  ]
  const { startsOf, planOf } = await readPlans(reader, order.tenantId, planIds)
  const settled = settle({
    places,
    terms,
    startsOf,
    planOf,
    triedPlan,
    adapt: adapting(order.markupPct),
    usageOfSide: switching.ratios.length === 0 ? [0, 0] : [0, ...switching.ratios.map((_, no) => no + 1)],
    from: Date.parse(order.from),
    to: Date.parse(order.to),
  })
  return {
    events: seen.events,
    unattributed_events: seen.unattributed,
    unmetered_calls: seen.unmeteredCalls,
    pending_revisions: await countPending(reader, order),
    totals: settled.totals,
    booked: {
      charges: decimalText(booked.charges),
      charges_difference: differenceOf(settled.totals.before.charges, decimalText(booked.charges)),
      cogs: decimalText(booked.cogs),
      cogs_difference: differenceOf(settled.totals.before.cogs_known, decimalText(booked.cogs)),
    },
    customers: settled.customers,
    models: settled.models,
    switched: [...seen.switched.values()].map(({ provider, model, to, calls }) => ({
      provider,
      model,
      to_provider: to.provider,
      to_model: to.model,
      calls,
    })),
  }
}

async function countEvents(
  client: pg.PoolClient,
  order: SimulationOrder,
  reaching: ReachingPeriods,
  tally: Tally,
  seen: Seen,
  switching: Switching,
  signal: AbortSignal,
): Promise<void> {
  const customers = new Set<string | null>()
  const pages = usagePages(client, order, reaching)
  // The database fetches the next page while this one is counted.
  for (let next = pages.next(); ; ) {
    const page = await next
    if (page.done) return
    refuseStopped(signal)
    next = pages.next()
    // Its fault is told when it is waited for.
    next.catch(() => {})
    for (const event of page.value) {
      countEvent(tally, seen, event, switching)
      customers.add(event.customer)
    }
    if (customers.size > SIMULATION_CUSTOMERS_MAX + 1) throw tooMany(`${SIMULATION_CUSTOMERS_MAX} customers`)
    if (order.eventsMax !== null && seen.events > order.eventsMax) {
      const message = `holds more than ${order.eventsMax} events: take a shorter span, or aforo simulate`
      throw new AforoError('invalid_argument', `/to ${message}`, { faults: [{ path: '/to', message }] })
    }
  }
}

interface Booked {
  charges: Decimal
  cogs: Decimal
}

async function countBooks(
  client: pg.PoolClient,
  order: SimulationOrder,
  reaching: ReachingPeriods,
  tally: Tally,
  switching: Switching,
  signal: AbortSignal,
): Promise<Booked> {
  const booked = { charges: ZERO, cogs: ZERO }
  for await (const page of bookedPages(client, order, reaching)) {
    refuseStopped(signal)
    for (const line of page) {
      countBooked(tally, line, switching)
      if (line.earlier) continue
      booked.charges = booked.charges.plus(line.price)
      booked.cogs = booked.cogs.plus(line.cogs)
    }
  }
  return booked
}

function refuseStopped(signal: AbortSignal): void {
  if (signal.aborted) throw new AforoError('unavailable', 'the simulation was stopped')
}

/** Periods that the span begins within. */
function reachingPeriods(terms: readonly Term[], from: number): ReachingPeriods {
  const periods = terms
    .map((term) => ({ id: term.subscriptionId, start: periodAt(term, from).start }))
    .filter(({ start }) => start < from)
  return { subscriptionIds: periods.map(({ id }) => id), starts: periods.map(({ start }) => start) }
}

async function readTriedPlans(
  client: pg.PoolClient,
  order: SimulationOrder,
): Promise<(customer: string) => Plan | null> {
  const everybody = await readChoice(client, order, order.plan)
  const own = new Map<string, Plan>()
  for (const { customer, plan } of order.customers ?? []) {
    const body = await readChoice(client, order, plan)
    if (body !== null) own.set(customer, body)
  }
  return (customer) => own.get(customer) ?? everybody
}

async function readSwitching(client: pg.PoolClient, order: SimulationOrder): Promise<Switching> {
  const findKeys = createFindKeys(await bundledCatalogue())
  const targets = targetsOf(order.switches, findKeys)
  const find = createFindSwitch(order.switches, targets, findKeys)
  const wanted = targets
    .flatMap(({ provider, model }) => findKeys({ provider, model, requestModel: model }))
    .map((key) => ({ ...key, tenantId: order.tenantId }))
  const now = new Date(order.now)
  const rowsFor = await createPriceBook().load(client, wanted, now)
  const rowsOf = rowsFor(order.tenantId)
  const terms = (await new TermsShelf().load(client, [order.tenantId], now, true))(order.tenantId)
  return {
    find,
    ratios: order.switches.length === 0 ? [] : order.tokenRatios.map((ratio) => scaleBy(new Decimal(ratio))),
    priceOf: remembered(
      priceFrom(order.tenantId, findKeys, rowsOf, Number.POSITIVE_INFINITY, terms),
      (question) => validityOf(findKeys(question).flatMap(rowsOf), terms, question.at, question.inputTokens),
    ),
  }
}

/** One plan is adapted once, so that its curves are made once. */
function adapting(markupPct: string | null): (plan: Plan) => Plan {
  if (markupPct === null) return (plan) => plan
  const adapted = new Map<Plan, Plan>()
  return (plan) => {
    const known = adapted.get(plan) ?? withMarkup(plan, markupPct)
    adapted.set(plan, known)
    return known
  }
}
