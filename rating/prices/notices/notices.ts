import { Decimal, decimalText, ZERO } from '../../../core/money.ts'
import type { PriceNotice } from '../../../core/price-updates.ts'
import { compare } from '../bills/reconcile.ts'

/** A proposal as notices look at it, or a change that came with a release. */
export interface NoticedProposal {
  /** Null: it came with a release. */
  readonly proposalId: string | null
  readonly kind: string
  readonly provider: string
  readonly model: string
  /** New by old price, of each change that has both. */
  readonly ratios: readonly string[]
  readonly proposedAt: string
  /** When it was taken in; null: it waits for a person. */
  readonly takenAt: string | null
}

/** All that notices are found in. Instants are RFC 3339. */
export interface NoticeFacts {
  readonly now: string
  /** The last look at a catalogue, or when the bundled one was taken in; null: the book is empty. */
  readonly snapshotAt: string | null
  /** Open, or taken in of late. */
  readonly proposals: readonly NoticedProposal[]
  /** Rows that begin soon, one per model and instant. */
  readonly upcoming: readonly { readonly provider: string; readonly model: string; readonly at: string }[]
  /** Each model's share of the last 30 days' COGS, by `provider\0model`. */
  readonly shares: ReadonlyMap<string, Decimal>
  /** Models whose calls report another cost than the computed one, with how many events. */
  readonly drifts: readonly {
    readonly provider: string | null
    readonly model: string | null
    readonly events: number
    readonly at: string
  }[]
  /** What providers charged of late and what we have for it, summed up by provider, model and month (`2026-11`). */
  readonly bills: readonly BilledMonth[]
  /** Providers with costs in the last month that is over, and no bill of it. */
  readonly unbilled: readonly { readonly provider: string; readonly month: string; readonly at: string }[]
}

/** Bills of one provider whose time began in a month. */
export interface BilledMonth {
  readonly provider: string
  /** Null: of everything. */
  readonly model: string | null
  readonly month: string
  readonly usd: Decimal
  readonly cogs: Decimal
}

const DAY_MS = 86_400_000

/** A look at the catalogues older than this is told of. */
const SNAPSHOT_DAYS_MAX = 7
/** Rows that begin within this time are told of, and prices that were taken in within it. */
export const NEAR_DAYS = 7
/** A change that moves COGS by more than this is told of. */
const IMPACT_MAX = new Decimal('0.1')

/** What somebody should know, the most pressing first. */
export function noticesOf(facts: NoticeFacts): readonly PriceNotice[] {
  const share = ({ provider, model }: { provider: string; model: string }) =>
    facts.shares.get(`${provider}\0${model}`) ?? ZERO
  const used = facts.proposals.filter((proposal) => !share(proposal).isZero())
  return [
    ...used.flatMap((proposal) => impactNotice(proposal, share(proposal))),
    ...used.map((proposal) => proposalNotice(proposal, share(proposal))),
    ...facts.upcoming.map(({ provider, model, at }) => ({
      ...{ kind: 'upcoming_price' as const, provider, model, proposal_id: null, at },
      message: `${provider}/${model} gets other prices at ${at}; it is ${percent(share({ provider, model }))} of COGS`,
    })),
    ...staleNotice(facts),
    ...facts.drifts.map(({ provider, model, events, at }) => ({
      ...{ kind: 'cost_drift' as const, provider, model, proposal_id: null, at },
      message: `${events} events report a cost that differs from the computed one by more than 0.5%`,
    })),
    ...facts.bills.flatMap(billNotice),
    ...facts.unbilled.map(({ provider, month, at }) => ({
      ...{ kind: 'bill_missing' as const, provider, model: null, proposal_id: null, at },
      message: `what ${provider} charged for ${month} was not compared with COGS yet`,
    })),
  ]
}

function billNotice({ provider, model, month, usd, cogs }: BilledMonth): readonly PriceNotice[] {
  const { agrees, difference, difference_pct: pct } = compare(usd, cogs)
  if (agrees) return []
  const what = `${model === null ? '' : `${model} of `}${provider}`
  const share = pct === null ? '' : ` (${pct}%)`
  return [
    {
      ...{ kind: 'bill_drift', provider, model, proposal_id: null, at: `${month}-01T00:00:00.000Z` },
      message: `${what} charged ${money(usd)} USD for ${month}, COGS are ${money(cogs)}: ${money(new Decimal(difference))}${share}`,
    },
  ]
}

function money(amount: Decimal): string {
  return amount.toFixed(2, Decimal.ROUND_HALF_UP)
}

function proposalNotice(proposal: NoticedProposal, share: Decimal): PriceNotice {
  const { proposalId, provider, model, kind, proposedAt, takenAt } = proposal
  const what = `${kind.replaceAll('_', ' ')} of ${provider}/${model}, ${percent(share)} of COGS`
  return {
    kind: takenAt === null ? 'price_pending' : 'price_changed',
    ...{ provider, model, proposal_id: proposalId },
    at: takenAt ?? proposedAt,
    message: takenAt === null ? `waits for a person: ${what}` : `taken in: ${what}`,
  }
}

/** By how much COGS moves if the model is used as in the last 30 days: at most as much as its price that moves most. */
function impactNotice(proposal: NoticedProposal, share: Decimal): readonly PriceNotice[] {
  const { proposalId, provider, model, ratios, proposedAt, takenAt } = proposal
  const moves = ratios.map((ratio) => new Decimal(ratio).minus(1).abs())
  const impact = share.mul(moves.length === 0 ? ZERO : Decimal.max(...moves))
  if (impact.lte(IMPACT_MAX)) return []
  return [
    {
      ...{ kind: 'cogs_impact', provider, model, proposal_id: proposalId },
      at: takenAt ?? proposedAt,
      message: `moves COGS by up to ${percent(impact)}: prices of ${provider}/${model}`,
    },
  ]
}

function staleNotice({ now, snapshotAt }: NoticeFacts): readonly PriceNotice[] {
  if (snapshotAt === null) return []
  const days = Math.floor((Date.parse(now) - Date.parse(snapshotAt)) / DAY_MS)
  if (days < SNAPSHOT_DAYS_MAX) return []
  const about = { kind: 'stale_snapshot' as const, provider: null, model: null, proposal_id: null }
  return [{ ...about, at: snapshotAt, message: `no catalogue was looked at for ${days} days` }]
}

function percent(share: Decimal): string {
  return `${decimalText(share.mul(100).toDecimalPlaces(1))}%`
}
