import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { Decimal } from '../../core/money.ts'
import { PRICE_MODELS } from '../../core/plan.ts'
import { parsePlan } from '../../rating/plans/plan.ts'
import { quote } from '../../rating/plans/quote.ts'

/** A body of POST /v1/quote and, in the next paragraph, its price. */
const EXAMPLES = [
  ...readFileSync('docs/PLANS.md', 'utf8').matchAll(/```json\n([\s\S]*?)```\n\ncosts `([\d.]+)`/g),
].map(([, body, price]) => ({ body: JSON.parse(body!), price }))

describe('the page on plans', () => {
  test('has an example of every model', () => {
    const models = EXAMPLES.flatMap(({ body }) =>
      body.plan.meters.map((meter: { model: string }) => meter.model),
    )
    expect(new Set(models)).toEqual(new Set(PRICE_MODELS))
    expect(readFileSync('docs/PLANS.md', 'utf8').split('```json').length - 1).toBe(EXAMPLES.length)
  })

  test.each(EXAMPLES)('$body.plan.meters.0.model of $body.usage costs $price', ({ body, price }) => {
    const { plan, usage, of = {} } = body as { plan: unknown; usage: Record<string, string>; of?: object }
    const quantities = Object.fromEntries(
      Object.entries(usage).map(([meter, quantity]) => [meter, new Decimal(quantity)]),
    )
    const answer = quote({ plan: parsePlan(plan), usage: quantities, of, before: null })
    expect(answer.price.toFixed()).toBe(price)
    expect(answer.uncharged).toEqual([])
  })
})
