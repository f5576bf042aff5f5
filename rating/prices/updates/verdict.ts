import { Decimal } from '../../../core/money.ts'
import { perMillionOf, sameCounting } from '../in-force.ts'
import type { PriceChange, ProposedChange } from './diff.ts'
import type { SecondSays } from './second-catalogue.ts'

/** Why a proposal waits for a person. */
const HELD_REASONS = [
  'no_price_before',
  'back_dated',
  'upstream_missing',
  'large_change',
  'large_share',
  'counted_otherwise',
  'second_catalogue_disagrees',
] as const
export type HeldReason = (typeof HELD_REASONS)[number]

/** A change of more than this needs a person. */
const CHANGE_MAX = new Decimal('0.3')
/** Models with this share of the last 30 days' COGS, of all tenants together, need a person. */
const SHARE_MAX = new Decimal('0.05')

/** What decides beside the change itself. */
export interface VerdictFacts {
  readonly says: SecondSays
  /** The model's share of the last 30 days' COGS; 0 where there were none. */
  readonly share: Decimal
  readonly now: string
}

/** Why a proposal is held; empty: it is small, lies ahead, nobody disagrees, and it is accepted by itself. */
export function heldReasons(proposal: ProposedChange, facts: VerdictFacts): readonly HeldReason[] {
  const { kind, changes } = proposal
  if (kind === 'upstream_missing') return ['upstream_missing']
  const reasons = new Set<HeldReason>()
  if (kind === 'new_model' || kind === 'new_meter') reasons.add('no_price_before')
  if (kind === 'back_dated') reasons.add('back_dated')
  for (const change of changes) {
    if (change.old && change.next && !sameCounting(change.old, change.next)) reasons.add('counted_otherwise')
    // What is in force goes on when an announcement is taken back: nothing changes for anybody.
    if (kind !== 'revocation' && isLarge(change)) reasons.add('large_change')
    if (!agrees(change, facts)) reasons.add('second_catalogue_disagrees')
  }
  if (kind !== 'revocation' && facts.share.gte(SHARE_MAX)) reasons.add('large_share')
  return HELD_REASONS.filter((reason) => reasons.has(reason))
}

/** The new price by the old one; null where there is none or it was zero. */
export function ratioOf({ old, next }: PriceChange): Decimal | null {
  if (!old || !next) return null
  const before = perMillionOf(old)
  return before.isZero() ? null : perMillionOf(next).div(before)
}

function isLarge(change: PriceChange): boolean {
  if (!change.old || !change.next) return false
  const ratio = ratioOf(change)
  if (ratio === null) return !perMillionOf(change.next).isZero()
  return ratio.minus(1).abs().gt(CHANGE_MAX)
}

/** A catalogue that is silent does not disagree. */
function agrees({ from, next }: PriceChange, { says, now }: VerdictFacts): boolean {
  if (next === null) return true
  const theirs = says(next, from !== null && from > now ? from : now)
  return theirs.length === 0 || theirs.some((each) => perMillionOf(next).equals(each))
}
