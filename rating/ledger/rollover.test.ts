import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { OpenGrant, Posting } from '../../core/credits.ts'
import { Decimal, ZERO } from '../../core/money.ts'
import type { Rollover } from '../../core/plan.ts'
import { burnDown } from './burn-down.ts'
import { endedBy, ROLLED_STARTS_MAX, rollOver, rolloverPostings } from './rollover.ts'

function grant(grantId: string, remaining: string, of: Partial<OpenGrant> = {}): OpenGrant {
  return {
    grantId,
    kind: 'promo',
    priority: 50,
    effectiveAt: 0,
    expiresAt: 100,
    recordedAt: 0,
    rule: 'monthly',
    isVoid: false,
    remaining: new Decimal(remaining),
    broken: ZERO,
    ...of,
  }
}

describe('what is left', () => {
  test('of a rule’s grants that end is looked at, and no other', () => {
    const grants = [
      grant('1', '5'),
      grant('2', '5', { expiresAt: 101 }),
      grant('3', '5', { rule: 'bonus' }),
      grant('4', '0'),
      grant('5', '5', { isVoid: true }),
      grant('6', '5', { expiresAt: null }),
    ]
    expect(endedBy(grants, 'monthly', 100).map(({ grantId }) => grantId)).toEqual(['1'])
  })

  // Worked by others, by their rules: what was left within the bounds, less overage where that is kept.
  test.each([
    { left: '90', overage: '0', rollover: { max: '50' }, balance: '50' },
    { left: '20', overage: '0', rollover: { max: '50' }, balance: '20' },
    { left: '20', overage: '0', rollover: { max: '50', min: '30' }, balance: '30' },
    { left: '0', overage: '10', rollover: { max: '50', min: '50', carry_overage: true }, balance: '40' },
    { left: '0', overage: '10', rollover: { max: '50', min: '50' }, balance: '50' },
    { left: '0', overage: '80', rollover: { max: '50', min: '50', carry_overage: true }, balance: '0' },
  ])('$left with $overage overage and $rollover is $balance', ({ left, overage, rollover, balance }) => {
    const ended = new Decimal(left).isZero() ? [] : [grant('1', left)]
    const rolled = rollOver(ended, rollover, new Decimal(overage), 0)
    const held = rolled.reduce((sum, { amount, paid }) => sum.plus(amount).minus(paid), ZERO)
    expect(held.toFixed()).toBe(balance)
  })

  test('is used before what is new: 400 carried over and 1,000 new, 300 used', () => {
    const old = grant('2', '400', { effectiveAt: 0, expiresAt: 200 })
    const main = grant('3', '1000', { effectiveAt: 100, expiresAt: 200 })
    expect(burnDown([main, old], new Decimal(300), 150)).toMatchObject([{ source: 'grant:2' }])
  })

  test('goes on with the newest first, each start in a grant of its own', () => {
    const ended = [
      grant('1', '30', { effectiveAt: 0, expiresAt: 200 }),
      grant('2', '30', { effectiveAt: 50, expiresAt: 200 }),
      grant('3', '30', { effectiveAt: 50, expiresAt: 200, recordedAt: 1 }),
      grant('4', '30', { effectiveAt: 100, expiresAt: 200 }),
    ]
    const rolled = rollOver(ended, { max: '80' }, ZERO, 100)
    expect(
      told(rolloverPostings(rolled.map((each) => ({ ...each, grantId: `${each.effectiveAt}+` })))),
    ).toEqual(['grant:2 → grant:50+ 20', 'grant:3 → grant:50+ 30', 'grant:4 → grant:100+ 30'])
  })

  test('of before the newest starts that are told apart is told as the oldest of them', () => {
    const starts = Array.from({ length: ROLLED_STARTS_MAX + 1 }, (_, start) => start)
    const ended = starts.map((start) => grant(String(start + 1), '1', { effectiveAt: start }))
    const rolled = rollOver(ended, { max: '1000' }, ZERO, starts.at(-1)!)
    expect(rolled.map(({ effectiveAt, amount }) => `${effectiveAt}: ${amount}`)).toEqual(
      starts.slice(1).map((start) => `${start}: ${start === 1 ? 2 : 1}`),
    )
  })

  test('is carried within its bounds, and never more is taken from a grant than it has', () => {
    const amount = fc.bigInt({ min: 0n, max: 10n ** 20n }).map((units) => new Decimal(`${units}e-18`))
    const left = fc.record({ amount, effectiveAt: fc.integer({ min: 0, max: 3 }) })
    fc.assert(
      fc.property(
        fc.array(left, { maxLength: 4 }),
        amount,
        amount,
        amount,
        fc.boolean(),
        (amounts, low, more, overage, carry_overage) => {
          const ended = amounts.map(({ amount, effectiveAt }, no) =>
            grant(String(no + 1), amount.toFixed(), { effectiveAt }),
          )
          const rollover: Rollover = { min: low.toFixed(), max: low.plus(more).toFixed(), carry_overage }
          const rolled = rollOver(ended, rollover, overage, 3).map((each) => ({
            ...each,
            grantId: `start-${each.effectiveAt}`,
          }))
          const postings = rolloverPostings(rolled)
          const into = postings.filter(({ destination }) => destination !== 'overage')
          const sum = total(into)
          const all = ended.reduce((total, { remaining }) => total.plus(remaining), ZERO)
          expect(sum).toEqual(Decimal.min(rollover.max, Decimal.max(low, all)))
          for (const { source, destination, amount } of into) {
            const from = ended.find(({ grantId }) => source === `grant:${grantId}`)
            expect(destination).toBe(`grant:start-${from?.effectiveAt ?? 3}`)
            expect(amount.greaterThan(0)).toBe(true)
            expect(from === undefined || amount.lessThanOrEqualTo(from.remaining)).toBe(true)
          }
          const paid = postings.filter(({ destination }) => destination === 'overage')
          expect(total(paid)).toEqual(carry_overage ? Decimal.min(sum, overage) : ZERO)
          for (const { grantId, amount } of rolled) {
            const got = into.filter(({ destination }) => destination === `grant:${grantId}`)
            expect(total(got)).toEqual(amount)
            const gave = paid.filter(({ source }) => source === `grant:${grantId}`)
            expect(total(gave).lessThanOrEqualTo(amount)).toBe(true)
          }
        },
      ),
    )
  })
})

const told = (postings: readonly Posting[]) =>
  postings.map(({ source, destination, amount }) => `${source} → ${destination} ${amount}`)

function total(postings: readonly Posting[]): Decimal {
  return postings.reduce((sum, { amount }) => sum.plus(amount), ZERO)
}
