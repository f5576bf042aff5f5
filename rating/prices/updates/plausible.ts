import type { FieldFault } from '../../../core/errors.ts'
import { Decimal, decimalText } from '../../../core/money.ts'
import { TOKEN_METERS } from '../../../core/price.ts'
import { effective, perMillionOf } from '../in-force.ts'
import type { ListPrice } from '../list-price.ts'

/** Dearest that a million tokens may be. The dearest model in use asks 600. */
const TOKENS_PER_MILLION_MAX = 10_000
/** Dearest that one call, request, page or second may be. */
const FEE_MAX = 100

/**
 * What is not believable of one model's prices, by path: nothing of such a model is taken. Rules hold for the rows that
 * are in force at `now` or later; what is past is not judged.
 */
export function implausible(prices: readonly ListPrice[], now: string): readonly FieldFault[] {
  const inForce = prices.filter((row) => row.effectiveTo === null || row.effectiveTo > now)
  const faults = inForce.flatMap((row) => absurd(row))
  const groups = Map.groupBy(inForce, ({ serviceTier, region, contextFrom, schedule }) =>
    JSON.stringify([serviceTier, region, contextFrom, schedule]),
  )
  for (const rows of groups.values()) {
    const instants = new Set([now, ...rows.map((row) => row.effectiveFrom).filter((from) => from > now)])
    for (const instant of instants) faults.push(...incoherent(rows, instant))
  }
  return [...new Map(faults.map((fault) => [fault.path + fault.message, fault])).values()]
}

function absurd(row: ListPrice): readonly FieldFault[] {
  const isToken = TOKEN_METERS.has(row.meter)
  const most = isToken ? TOKENS_PER_MILLION_MAX : FEE_MAX
  const amount = isToken ? perMillionOf(row) : new Decimal(row.unitPrice).div(row.per)
  if (amount.lte(most)) return []
  const unit = isToken ? 'a million tokens' : 'one'
  return [fault(row, `${decimalText(amount)} for ${unit} is more than ${most}`)]
}

/** How the meters of a chat model stand to each other. */
function incoherent(rows: readonly ListPrice[], instant: string): readonly FieldFault[] {
  const at = (meter: ListPrice['meter']) =>
    effective(
      rows.filter((row) => row.meter === meter),
      instant,
    )
  const input = at('input_uncached')
  const output = at('output')
  if (!input) return []
  const base = perMillionOf(input)
  const faults: FieldFault[] = []
  const check = (row: ListPrice | undefined, isFine: (price: Decimal) => boolean, rule: string) => {
    if (row && !isFine(perMillionOf(row)))
      faults.push(fault(row, `${decimalText(perMillionOf(row))} ${rule}, which is ${decimalText(base)}`))
  }
  if (output) {
    for (const row of [input, output]) {
      if (perMillionOf(row).isZero()) faults.push(fault(row, 'must be above zero'))
    }
    check(output, (price) => price.gte(base.div(2)), 'must be at least half of input')
  }
  check(at('cache_read'), (price) => price.lte(base), 'must not be above input')
  for (const meter of ['cache_write', 'cache_write_1h'] as const) {
    check(at(meter), (price) => price.gte(base) && price.lte(base.mul(2)), 'must be one to two times input')
  }
  return faults
}

function fault(
  { provider, model, meter, serviceTier, region, contextFrom }: ListPrice,
  message: string,
): FieldFault {
  const more = [
    serviceTier === 'standard' ? '' : serviceTier,
    region,
    contextFrom === '0' ? '' : `above ${contextFrom}`,
  ]
  return { path: `/${[provider, model, meter, ...more.filter((word) => word !== '')].join('/')}`, message }
}
