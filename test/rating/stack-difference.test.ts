import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Decimal, ZERO } from '../../core/money.ts'
import { type StackLine, stackDifference } from '../../rating/stack.ts'

const amount = fc.integer({ min: -300, max: 300 }).map((thirds) => new Decimal(thirds).div(1000))
/** Of two parts and two models, so that many lines fall together. */
const line = fc.record<StackLine>({
  customer: fc.constantFrom('acme', 'globex'),
  product: fc.constant(null),
  agent: fc.constant('triage'),
  part: fc.constantFrom('prompt', 'output'),
  provider: fc.constant('openai'),
  model: fc.constantFrom('gpt-4o', 'gpt-5'),
  tool: fc.constant(null),
  unit: fc.constant('token'),
  quantity: amount,
  calls: fc.integer({ min: 0, max: 3 }),
  unpricedCalls: fc.integer({ min: 0, max: 1 }),
  cogs: amount,
  price: amount,
  priceUsd: fc.option(amount),
  unconverted: fc.integer({ min: 0, max: 1 }),
  unpriced: fc.integer({ min: 0, max: 1 }),
  uncharged: fc.integer({ min: 0, max: 1 }),
})
const lines = fc.array(line, { maxLength: 6 })

function sums(all: readonly StackLine[], isForeign: boolean): ReadonlyMap<string, string> {
  const names = Map.groupBy(all, ({ customer, part, model }) => `${customer} ${part} ${model}`)
  const add = (of: readonly StackLine[], field: (line: StackLine) => Decimal) =>
    of.reduce((sum, each) => sum.plus(field(each)), ZERO)
  return new Map(
    [...names].map(([name, of]) => [
      name,
      JSON.stringify([
        add(of, (each) => each.quantity),
        add(of, (each) => each.cogs),
        add(of, (each) => each.price),
        isForeign ? add(of, (each) => each.priceUsd ?? each.price) : ZERO,
        of.reduce((sum, each) => sum + each.calls, 0),
        of.reduce((sum, each) => sum + each.unpricedCalls, 0),
        of.reduce((sum, each) => sum + each.unconverted, 0),
        of.reduce((sum, each) => sum + each.unpriced, 0),
        of.reduce((sum, each) => sum + each.uncharged, 0),
      ]),
    ]),
  )
}

const isSomething = (sum: string) => /[1-9]/.test(sum)
const told = (all: readonly StackLine[], isForeign: boolean) =>
  Object.fromEntries([...sums(all, isForeign)].filter(([, sum]) => isSomething(sum)))

it('lines that were written and their difference come to those that are wanted, and then nothing is lacking', () => {
  fc.assert(
    fc.property(lines, lines, (wanted, written) => {
      const isForeign = [...wanted, ...written].some(({ priceUsd }) => priceUsd !== null)
      const difference = stackDifference(wanted, written)
      expect(told([...written, ...difference], isForeign)).toEqual(told(wanted, isForeign))
      expect(stackDifference(wanted, [...written, ...difference])).toEqual([])
    }),
  )
})
