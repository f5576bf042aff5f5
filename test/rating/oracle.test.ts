import { beforeAll, describe, expect, test } from 'vitest'
import { ZERO } from '../../core/money.ts'
import { costCalls, type PriceOf } from '../../rating/costs/cost.ts'
import { assemblyOfOracle, COST_ORACLES, type CostOracle, cataloguePrices } from './costs.ts'

describe('what a span costs by the corrected catalogue', () => {
  let priceOf: PriceOf
  beforeAll(async () => {
    priceOf = await cataloguePrices()
  })
  const amountsOf = (oracle: CostOracle) =>
    costCalls(assemblyOfOracle(oracle), priceOf, 0n).map((line) => line.amount)

  test.each(COST_ORACLES.filter(({ cost }) => cost !== null))(
    '$id $provider $model costs $cost',
    (oracle) => {
      const amounts = amountsOf(oracle)
      expect(amounts).not.toContain(null)
      expect(amounts.reduce((sum, amount) => sum!.plus(amount!), ZERO)?.toFixed()).toBe(oracle.cost)
    },
  )

  test.each(COST_ORACLES.filter(({ cost }) => cost === null))(
    '$id $provider $model is unpriced',
    (oracle) => {
      expect(amountsOf(oracle)).toContain(null)
    },
  )
})
