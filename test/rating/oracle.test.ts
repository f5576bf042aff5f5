import { beforeAll, describe, expect, test } from 'vitest'
import { ZERO } from '../../core/money.ts'
import { costCalls, type PriceOf } from '../../rating/cost.ts'
import { type CostOracle, callOf, cataloguePrices, costOracles } from './costs.ts'
import { assemblyOf } from './events.ts'

/** What the catalogue has no row for: such usage is unpriced, never priced by a row for something else. */
const UNPRICED: ReadonlySet<string> = new Set([
  // Tiers other than the standard one.
  ...['oai-04', 'oai-10', 'oai-13', 'ant-08', 'ant-17', 'goo-07'],
  // Prices by the hour of the day.
  ...['ds-02', 'ds-05', 'ds-08'],
  // Fees beside tokens that no meter counts.
  ...['goo-13', 'coh-04'],
])

/** Where the catalogue itself is mistaken: it lacks xAI's long-context price, and DeepSeek's change is 8 hours late. */
const MISTAKEN: ReadonlySet<string> = new Set(['xai-03', 'ds-11'])

describe('costs by the bundled catalogue', () => {
  let priceOf: PriceOf
  beforeAll(async () => {
    priceOf = await cataloguePrices()
  })
  const linesOf = (oracle: CostOracle) =>
    costCalls(assemblyOf({ calls: [callOf(oracle)] }), priceOf, 0n).map((line) => line.amount)

  const expressible = costOracles().filter(({ id }) => !UNPRICED.has(id) && !MISTAKEN.has(id))
  test.each(expressible)('$id $provider $model costs $cost', (oracle) => {
    const amounts = linesOf(oracle)
    expect(amounts).not.toContain(null)
    expect(amounts.reduce((sum, amount) => sum!.plus(amount!), ZERO)?.toFixed()).toBe(oracle.cost)
  })

  test.each(costOracles().filter(({ id }) => UNPRICED.has(id)))(
    '$id $provider $model is unpriced',
    (oracle) => {
      expect(linesOf(oracle)).toContain(null)
    },
  )
})
