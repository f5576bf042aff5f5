import type { InvoiceLineKind } from '../../core/invoice.ts'
import { Decimal } from '../../core/money.ts'
import type { CapacityTier, Meter, Plan, PlanMeter, Tier } from '../../core/plan.ts'
import { includedOf } from '../plans/curve.ts'
import type { ExactLine } from './owed.ts'

/** What a quantity of a meter is counted in. */
export const UNITS: Readonly<Record<Meter, string>> = {
  input_tokens: 'token',
  uncached_input_tokens: 'token',
  cache_read_tokens: 'token',
  cache_write_tokens: 'token',
  output_tokens: 'token',
  reasoning_tokens: 'token',
  reasoning_steps: 'step',
  tool_calls: 'call',
  model_calls: 'call',
  embedding_tokens: 'token',
  session_seconds: 'second',
  traces: 'trace',
  cogs: 'cost',
}

const METER_WORDS: Readonly<Record<Meter, string>> = {
  input_tokens: 'Input tokens',
  uncached_input_tokens: 'Uncached input tokens',
  cache_read_tokens: 'Cached input tokens read',
  cache_write_tokens: 'Cached input tokens written',
  output_tokens: 'Output tokens',
  reasoning_tokens: 'Reasoning tokens',
  reasoning_steps: 'Reasoning steps',
  tool_calls: 'Tool calls',
  model_calls: 'Model calls',
  embedding_tokens: 'Embedding tokens',
  session_seconds: 'Session seconds',
  traces: 'Agent runs',
  cogs: 'Provider cost passed on',
}

const KIND_WORDS: Readonly<Record<Exclude<InvoiceLineKind, 'usage'>, string>> = {
  standing: 'Fee that is due without usage',
  proration: 'Fee cut to the days that count',
  capacity: 'Capacity that was needed',
  commitment_overage: 'Usage beyond the commitment',
  commitment_true_up: 'Commitment that was not used up',
  maximum: 'Above the maximum of the period, not charged',
  minimum: 'Up to the minimum of the period',
  overage: 'Credits used beyond the grants, above the rate of the plan',
  billed_before: 'Of this period, billed before',
  late: 'Usage that was reported or corrected after the invoice of its period',
}

/** A line in words. */
export function describe({ kind, meter, provider, model, tool }: ExactLine): string {
  const of = [provider, model].filter((word) => word !== null).join(' / ')
  const counted = meter === null ? [] : [METER_WORDS[meter]]
  const parts = kind === 'usage' ? counted : [KIND_WORDS[kind], ...counted]
  return [...parts, ...(of === '' ? [] : [of]), ...(tool === null ? [] : [tool])].join(', ')
}

/** How a line was counted: the price of its meter, or the term of the plan. Null where the line says it all. */
export function pricingOf({ kind, plan, meterNo }: ExactLine): string | null {
  if (plan === null) return null
  const { body } = plan
  switch (kind) {
    case 'usage':
    case 'standing':
    case 'proration':
      return meterNo === null ? null : meterPricing(body, body.meters[meterNo]!)
    case 'minimum':
      return `minimum ${grouped(body.minimum!)} ${body.currency} per period`
    case 'maximum':
      return `maximum ${grouped(body.maximum!)} ${body.currency} per period`
    case 'capacity':
      return body.capacity!.tiers.map((tier) => capacityWords(tier, body.currency)).join('; ')
    case 'commitment_overage':
      return `commitment ${grouped(body.commitment!.amount)} ${body.currency} per period, ${body.commitment!.overage_factor} times the price beyond`
    case 'commitment_true_up':
      return `commitment ${grouped(body.commitment!.amount)} ${body.currency} per period`
    case 'overage':
      return `${body.overage?.unit_price ?? body.credit_rate} ${body.currency} per credit, of which ${body.credit_rate} are on the lines of usage`
    default:
      return null
  }
}

function capacityWords({ limits, price }: CapacityTier, currency: string): string {
  const words = Object.entries(limits).map(
    ([meter, limit]) => `${grouped(limit)} ${METER_WORDS[meter as Meter].toLowerCase()}`,
  )
  return `${grouped(price)} ${currency} ${words.length === 0 ? 'beyond' : `up to ${words.join(' and ')}`}`
}

function meterPricing(plan: Plan, meter: PlanMeter): string {
  const included = includedOf(plan, meter)
  const discount = new Decimal(plan.discount_pct ?? 0)
  return [
    modelPricing(meter, plan.currency),
    ...(included.isZero() ? [] : [`${grouped(included.toFixed())} included`]),
    ...(discount.isZero() ? [] : [`less ${discount.toFixed()} %`]),
  ].join(', ')
}

function modelPricing(meter: PlanMeter, currency: string): string {
  switch (meter.model) {
    case 'per_unit':
      return `${meter.unit_price} ${currency} per ${perWords(meter.per)}`
    case 'graduated':
      return `each slice by its tier: ${tierWords(meter.tiers, currency)}`
    case 'volume':
      return `all by the tier reached: ${tierWords(meter.tiers, currency)}`
    case 'package':
      return `${meter.package_price} ${currency} per package of ${grouped(meter.package_size)}`
    case 'cost_plus':
      return `cost plus ${meter.markup_pct} %`
    case 'flat':
      return `${grouped(meter.flat)} ${currency} per period`
  }
}

/** Tiers told one by one; of more, how many there are. */
const TIERS_TOLD_MAX = 4

function tierWords(tiers: readonly Tier[], currency: string): string {
  if (tiers.length > TIERS_TOLD_MAX) return `${tiers.length} tiers of the plan`
  return tiers
    .map(({ up_to: upTo, unit_price: price, per, flat }) => {
      const range = upTo === null ? 'beyond' : `to ${grouped(upTo)}`
      const fee = flat === undefined ? '' : ` and ${flat}`
      return `${range} ${price} ${currency} per ${perWords(per)}${fee}`
    })
    .join('; ')
}

function perWords(per: string | undefined): string {
  return per === undefined || per === '1' ? 'unit' : grouped(per)
}

function grouped(text: string): string {
  const [whole, fraction] = text.split('.')
  const separated = whole!.replaceAll(/\B(?=(\d{3})+(?!\d))/g, ',')
  return fraction === undefined ? separated : `${separated}.${fraction}`
}
