import { createHash } from 'node:crypto'
import { decimalText } from '../../../core/money.ts'
import type { CostMeter, FeeBasis } from '../../../core/price.ts'
import type { StoredChange, StoredTerms } from '../../../core/price-updates.ts'
import type { PriceTerms } from '../in-force.ts'
import { type ListPrice, seriesOf } from '../list-price.ts'
import type { PriceChange, ProposalKind, ProposedChange } from './diff.ts'
import type { SecondSays } from './second-catalogue.ts'
import { ratioOf } from './verdict.ts'

const RATIO_DECIMALS = 6

/** The changes of a proposal as they are stored and shown. */
export function storedChanges(
  { changes }: ProposedChange,
  says: SecondSays,
  now: string,
): readonly StoredChange[] {
  return changes.map((change) => {
    const { from, to, old, next } = change
    const of = next ?? old!
    const ratio = ratioOf(change)
    return {
      meter: of.meter,
      service_tier: of.serviceTier,
      region: of.region,
      context_from: of.contextFrom,
      context_inclusive: of.contextInclusive,
      schedule: of.schedule,
      from,
      to,
      old: old && { price_row_id: old.priceRowId, ...termsOf(old) },
      new: next && { ...termsOf(next), derived: next.derived, source: next.source },
      ratio: ratio && decimalText(ratio.toDecimalPlaces(RATIO_DECIMALS)),
      second: next ? says(next, from !== null && from > now ? from : now) : [],
    }
  })
}

/** A stored proposal as it is applied. The old row is there for its price; its place in the book may be another by now. */
export function proposedOf(stored: {
  readonly kind: ProposalKind
  readonly provider: string
  readonly model: string
  readonly changes: readonly StoredChange[]
}): ProposedChange {
  const { kind, provider, model, changes } = stored
  return { kind, provider, model, changes: changes.map((change) => changeOf(provider, model, change)) }
}

function changeOf(provider: string, model: string, change: StoredChange): PriceChange {
  const series = {
    provider,
    model,
    meter: change.meter as CostMeter,
    serviceTier: change.service_tier,
    region: change.region,
    contextFrom: change.context_from,
    contextInclusive: change.context_inclusive,
    schedule: change.schedule,
    effectiveFrom: '',
    effectiveTo: null,
  }
  const { from, to, old, new: next } = change
  return {
    from,
    to,
    old: old && { ...series, ...listTerms(old), priceRowId: old.price_row_id, derived: false, source: '' },
    next: next && { ...series, ...listTerms(next), derived: next.derived, source: next.source },
  }
}

function termsOf(row: PriceTerms): StoredTerms {
  return {
    unit_price: row.unitPrice,
    per: row.per,
    fee_basis: row.feeBasis,
    min_quantity: row.minQuantity,
    rounding_quantity: row.roundingQuantity,
  }
}

function listTerms(terms: StoredTerms): PriceTerms {
  return {
    unitPrice: terms.unit_price,
    per: terms.per,
    feeBasis: terms.fee_basis as FeeBasis,
    minQuantity: terms.min_quantity,
    roundingQuantity: terms.rounding_quantity,
  }
}

/** Names what is proposed, whenever and out of whichever row of the book: the same again is no other proposal. */
export function fingerprintOf({ kind, provider, model, changes }: ProposedChange): string {
  const said = changes.map(({ from, to, old, next }) => [
    seriesOf((next ?? old) as ListPrice),
    from,
    to,
    old && Object.values(termsOf(old)),
    next && Object.values(termsOf(next)),
  ])
  return createHash('sha256')
    .update(JSON.stringify([kind, provider, model, said]))
    .digest('hex')
}
