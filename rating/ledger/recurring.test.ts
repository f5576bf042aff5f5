import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { OpenGrant } from '../../core/credits.ts'
import { Decimal, ZERO } from '../../core/money.ts'
import { burnDown } from './burn-down.ts'
import { boundaryAt, carried, endedBy, rollOver, type Subscribed } from './recurring.ts'

const micros = (text: string) => Date.parse(text) * 1000

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

function subscribed(id: string, from: string, of: Partial<Subscribed> = {}): Subscribed {
  return {
    subscriptionId: id,
    planId: 'pro',
    timezone: 'UTC',
    anchorDay: 1,
    effectiveFrom: micros(from),
    ...of,
  }
}

/** Starts of periods from an instant on, with the subscription in force. */
function startsOf(subscriptions: readonly Subscribed[], from: string, count: number): string[] {
  const starts: string[] = []
  let at: number | null = micros(from)
  while (at !== null && starts.length < count) {
    const { current, next } = boundaryAt(subscriptions, at)
    starts.push(`${new Date(at / 1000).toISOString().slice(0, 16)} ${current?.subscriptionId ?? '-'}`)
    at = next
  }
  return starts
}

describe('periods start', () => {
  test('at the anchor, clamped to the last day of a short month', () => {
    const one = [subscribed('a', '2026-01-31T00:00:00Z', { anchorDay: 31 })]
    expect(startsOf(one, '2026-01-31T00:00:00Z', 4)).toEqual([
      '2026-01-31T00:00 a',
      '2026-02-28T00:00 a',
      '2026-03-31T00:00 a',
      '2026-04-30T00:00 a',
    ])
  })

  test('at midnight of the customer, over a change of the clocks', () => {
    const one = [subscribed('a', '2026-02-28T23:00:00Z', { timezone: 'Europe/Berlin' })]
    expect(startsOf(one, '2026-02-28T23:00:00Z', 3)).toEqual([
      '2026-02-28T23:00 a',
      '2026-03-31T22:00 a',
      '2026-04-30T22:00 a',
    ])
  })

  test('where a subscription begins or another takes over within one', () => {
    const both = [subscribed('b', '2026-02-10T00:00:00Z'), subscribed('a', '2026-01-15T12:00:00Z')]
    expect(startsOf(both, '2026-01-01T00:00:00Z', 5)).toEqual([
      '2026-01-01T00:00 -',
      '2026-01-15T12:00 a',
      '2026-02-01T00:00 a',
      '2026-02-10T00:00 b',
      '2026-03-01T00:00 b',
    ])
    expect(boundaryAt([], 0)).toEqual({ current: null, periodEnd: null, next: null })
  })
})

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
    const held = rollOver(ended, rollover, new Decimal(overage), '2').reduce(
      (sum, { source, destination, amount }) =>
        destination === 'grant:2' ? sum.plus(amount) : source === 'grant:2' ? sum.minus(amount) : sum,
      ZERO,
    )
    expect(held.toFixed()).toBe(balance)
  })

  test('is used before what is new: 400 carried over and 1,000 new, 300 used', () => {
    const old = grant('2', '400', { effectiveAt: 0, expiresAt: 200 })
    const main = grant('3', '1000', { effectiveAt: 100, expiresAt: 200 })
    expect(burnDown([main, old], new Decimal(300), 150)).toMatchObject([{ source: 'grant:2' }])
  })

  test('is carried within its bounds, and never more is taken from a grant than it has', () => {
    const amount = fc.bigInt({ min: 0n, max: 10n ** 20n }).map((units) => new Decimal(`${units}e-18`))
    fc.assert(
      fc.property(
        fc.array(amount, { maxLength: 4 }),
        amount,
        amount,
        amount,
        fc.boolean(),
        (amounts, low, more, overage, carry_overage) => {
          const ended = amounts.map((each, no) => grant(String(no + 1), each.toFixed()))
          const rollover = { min: low.toFixed(), max: low.plus(more).toFixed(), carry_overage }
          const postings = rollOver(ended, rollover, overage, '9')
          const into = postings.filter(({ destination }) => destination === 'grant:9')
          const sum = into.reduce((total, each) => total.plus(each.amount), ZERO)
          const left = amounts.reduce((total, each) => total.plus(each), ZERO)
          expect(sum).toEqual(carried(ended, rollover))
          expect(sum.greaterThanOrEqualTo(low) && sum.lessThanOrEqualTo(low.plus(more))).toBe(true)
          expect(sum.lessThanOrEqualTo(Decimal.max(low, left))).toBe(true)
          for (const { source, amount } of into) {
            const from = ended.find(({ grantId }) => source === `grant:${grantId}`)
            expect(amount.greaterThan(0)).toBe(true)
            expect(from === undefined || amount.lessThanOrEqualTo(from.remaining)).toBe(true)
          }
          const paid = postings.filter(({ destination }) => destination === 'overage')
          const most = carry_overage ? Decimal.min(sum, overage) : ZERO
          expect(paid.reduce((total, each) => total.plus(each.amount), ZERO)).toEqual(most)
        },
      ),
    )
  })
})
