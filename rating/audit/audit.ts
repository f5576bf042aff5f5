import type pg from 'pg'
import type { AuditReport, AuditScope } from '../../core/audit.ts'
import { acrossLanes } from '../../schema/lanes.ts'
import { readBooked } from '../booked.ts'
import type { BackDatedPrice } from '../costs/adjustments.ts'
import { readBackDated } from '../costs/back-dated.ts'
import { LockedCounters } from '../counters.ts'
import { nameOf } from '../name.ts'
import { PlanShelf } from '../plans/plan-shelf.ts'
import { createPricing, type Pricing } from '../pricing.ts'
import { auditAdjustments } from './adjustments.ts'
import { auditBudgets } from './budgets.ts'
import { auditCounters } from './counters.ts'
import { auditDebits } from './debits.ts'
import { compareBooks } from './event.ts'
import { compareFindings, readListed } from './findings.ts'
import { auditInvoices } from './invoices.ts'
import { auditLeases } from './leases.ts'
import { auditLedger, auditTopUps } from './ledger.ts'
import { auditPlans } from './plans.ts'
import { auditProposals } from './proposals.ts'
import { newestRatings, type RatedRevision, readRated, type StoredRating } from './rated-events.ts'
import { readRatingFacts } from './rating-facts.ts'
import { auditRecurring } from './recurring.ts'
import { auditSums } from './sums.ts'

/** Connections of one snapshot: one for lists and sums, one for each page that is worked on. */
export interface AuditConnections {
  readonly list: pg.PoolClient
  readonly lanes: readonly pg.PoolClient[]
}

interface Sources {
  readonly shelf: PlanShelf
  readonly pricing: Pricing
  readonly noCounters: LockedCounters
  readonly backDated: readonly BackDatedPrice[]
  readonly now: Date
}

/**
 * Re-derives what every rated event cost and was charged from its newest rated revision and compares; then the sums of
 * the tables with one another, and the counters with F. Nothing is read that a rating of `now` would not read.
 */
export async function auditRatings(
  { list, lanes }: AuditConnections,
  scope: AuditScope,
  now: Date,
  report: AuditReport,
): Promise<void> {
  await auditSums(list, scope, report)
  await auditPlans(list, scope, report)
  await auditProposals(list, scope, report)
  await auditCounters(list, scope, report)
  await auditBudgets(list, scope, now, report)
  await auditLeases(list, scope, now, report)
  await auditLedger(list, scope, report)
  await auditDebits(list, scope, report)
  await auditTopUps(list, scope, now, report)
  await auditRecurring(list, lanes[0]!, scope, now, report)
  await auditInvoices(list, lanes[0]!, scope, report)
  await auditEvents({ list, lanes }, scope, now, report)
}

/** Rates events once more and compares. */
export async function auditEvents(
  { list, lanes }: AuditConnections,
  scope: AuditScope,
  now: Date,
  report: AuditReport,
): Promise<void> {
  const backDated = await readBackDated(list)
  const noCounters = await LockedCounters.lock(list, [])
  const sources = { shelf: new PlanShelf(), pricing: createPricing(), noCounters, backDated, now }
  await acrossLanes(newestRatings(list, scope), lanes, (ratings, lane) =>
    auditPage(lane, sources, ratings, report),
  )
}

async function auditPage(
  client: pg.PoolClient,
  { shelf, pricing, noCounters, backDated, now }: Sources,
  ratings: readonly StoredRating[],
  report: AuditReport,
): Promise<void> {
  const page = await readRated(client, ratings)
  const events = page.map(({ event }) => event)
  if (events.length === 0) return
  const booked = await readBooked(client, events)
  const bookedOf = ({ event }: RatedRevision) => booked(event)
  const facts = await readRatingFacts(client, shelf, page, bookedOf)
  const listed = await readListed(client, events)
  await auditAdjustments(client, page, bookedOf, { backDated, now }, report)
  for (const rated of page) {
    const { rating, event } = rated
    const { tenantId, eventId } = event
    const about = { kind: 'event', tenantId, id: eventId }
    const fault = facts.faultOf(rated)
    if (fault !== null) report.gap('ratings', { ...about, found: fault })
    try {
      const material = facts.materialOf(rated, bookedOf(rated))
      const priceNow = async () => (await pricing.forEvents(client, [event], now))(event)
      const again = await compareBooks({ rating, material, priceNow, noCounters }, report)
      compareFindings(again, listed.get(nameOf(tenantId, eventId)) ?? [], report)
    } catch (error) {
      report.gap('ratings', { ...about, found: `cannot be rated again: ${(error as Error).message}` })
    }
  }
}
