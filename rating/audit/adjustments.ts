import type pg from 'pg'
import { assemblyFromDocument } from '../../core/assembly-document.ts'
import type { AuditReport } from '../../core/audit.ts'
import { decimalText } from '../../core/money.ts'
import type { Booked } from '../booked.ts'
import { findAdjustments, keyOf, readAdjustments } from '../costs/adjust.ts'
import { type BackDatedPrice, deltaOf } from '../costs/adjustments.ts'
import { settledCosts } from '../costs/settled-costs.ts'
import type { RatedRevision } from './rated-events.ts'

/**
 * Works out once more what back-dated prices make of the costs that events have: nothing may be left to book. An event
 * that is not settled may lack what its next revision brings.
 */
export async function auditAdjustments(
  client: pg.PoolClient,
  page: readonly RatedRevision[],
  bookedOf: (rated: RatedRevision) => Booked,
  { backDated, now }: { readonly backDated: readonly BackDatedPrice[]; readonly now: Date },
  report: AuditReport,
): Promise<void> {
  const booked = await readAdjustments(client, page)
  for (const adjustments of booked.values()) report.count('cogs_adjustments', adjustments.length)
  // To read every assembly is most of this check. Where no price was dated back, only what is booked asks for a reason.
  const asked = backDated.length > 0 ? page : page.filter((rated) => booked.has(keyOf(rated)))
  const costed = asked.map((rated) => ({
    event: rated.event,
    revision: rated.event.revision,
    assembly: assemblyFromDocument(rated.event.document),
    costs: settledCosts(bookedOf(rated).costs),
  }))
  for (const { event, adjustments } of await findAdjustments(client, costed, backDated, now)) {
    const [first] = adjustments
    const delta = decimalText(deltaOf(first!))
    const of = `${decimalText(first!.quantity)} of ${first!.model}/${first!.meter} by proposal ${first!.proposalId}`
    const found = `lacks an adjustment of ${delta} for ${of}`
    report.gap('cogs_adjustments', { kind: 'event', tenantId: event.tenantId, id: event.eventId, found })
  }
}
