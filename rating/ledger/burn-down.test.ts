import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Debit, OpenGrant, Posting } from '../../core/credits.ts'
import { Decimal, ZERO } from '../../core/money.ts'
import { burnDown, burnOrder, expire, unwind } from './burn-down.ts'

const NOON = 1_000_000

function grant(grantId: string, remaining: string, of: Partial<OpenGrant> = {}): OpenGrant {
  return {
    grantId,
    kind: 'paid',
    priority: 50,
    effectiveAt: null,
    expiresAt: null,
    recordedAt: 0,
    rule: null,
    isVoid: false,
    remaining: new Decimal(remaining),
    broken: ZERO,
    ...of,
  }
}

const taken = (postings: readonly Posting[]) =>
  postings.map(({ source, destination, amount }) => `${source} → ${destination} ${amount}`)

test('credits are taken by priority, expiry, promo before paid, effective, recorded, id', () => {
  const inOrder = [
    grant('9', '1', { priority: 1 }),
    grant('8', '1', { expiresAt: NOON + 1 }),
    grant('7', '1', { expiresAt: NOON + 2, kind: 'promo' }),
    grant('6', '1', { expiresAt: NOON + 2 }),
    grant('5', '1', { kind: 'promo' }),
    grant('4', '1', { effectiveAt: 1, recordedAt: 9 }),
    grant('3', '1', { effectiveAt: 3, recordedAt: 3 }),
    grant('10', '1', { effectiveAt: 3, recordedAt: 4 }),
    grant('11', '1', { recordedAt: 4, effectiveAt: 3 }),
  ]
  fc.assert(
    fc.property(fc.shuffledSubarray(inOrder, { minLength: inOrder.length }), (shuffled) => {
      expect(shuffled.toSorted(burnOrder).map(({ grantId }) => grantId)).toEqual(
        inOrder.map(({ grantId }) => grantId),
      )
    }),
  )
})

describe('a debit', () => {
  test('has one posting per grant, and overage for the rest', () => {
    const grants = [grant('1', '10'), grant('2', '5', { kind: 'promo' })]
    expect(taken(burnDown(grants, new Decimal('17.5'), NOON))).toEqual([
      'grant:2 → usage 5',
      'grant:1 → usage 10',
      'overage → usage 2.5',
    ])
  })

  test('is paid by grants that are good for its instant: not at the expiry, and at the effective', () => {
    const grants = [
      grant('1', '10', { expiresAt: NOON }),
      grant('2', '10', { effectiveAt: NOON + 1 }),
      grant('3', '1', { effectiveAt: NOON, expiresAt: NOON + 1 }),
    ]
    expect(taken(burnDown(grants, new Decimal(2), NOON))).toEqual(['grant:3 → usage 1', 'overage → usage 1'])
  })

  test('of usage told late has what broke of a grant that was good then', () => {
    const grants = [grant('1', '0', { expiresAt: NOON + 1, broken: new Decimal(3) })]
    expect(taken(burnDown(grants, new Decimal(2), NOON))).toEqual(['breakage:1 → usage 2'])
    expect(taken(burnDown(grants, new Decimal(2), NOON + 1))).toEqual(['overage → usage 2'])
  })
})

test('a grant expires at its expiry, with what is left of it, once', () => {
  const open = grant('1', '4', { expiresAt: NOON })
  expect(expire(open, NOON - 1)).toBeNull()
  expect(taken([expire(open, NOON)!])).toEqual(['grant:1 → breakage:1 4'])
  expect(expire({ ...open, remaining: ZERO }, NOON)).toBeNull()
  expect(expire(grant('1', '4'), NOON)).toBeNull()
})

test('a correction gives back the last first, and what no debit is left for to the overage', () => {
  const debits: Debit[] = [
    { entryNo: 1, source: 'grant:1', left: new Decimal(5) },
    { entryNo: 2, source: 'grant:2', left: new Decimal(3) },
    { entryNo: 3, source: 'overage', left: new Decimal(1) },
  ]
  expect(unwind(debits, new Decimal(6)).map((each) => [each.reverses, each.amount.toString()])).toEqual([
    [3, '1'],
    [2, '3'],
    [1, '2'],
  ])
  expect(taken(unwind(debits, new Decimal(11))).at(-1)).toBe('usage → overage 2')
})

const AMOUNT = fc
  .bigInt({ min: 1n, max: 10n ** 21n })
  .map((units) => new Decimal(units.toString()).div('1e18'))
const INSTANT = fc.option(fc.integer({ min: NOON - 3, max: NOON + 3 }), { nil: null })
const GRANTS = fc
  .array(
    fc.record({
      kind: fc.constantFrom('paid' as const, 'promo' as const),
      priority: fc.integer({ min: 0, max: 2 }),
      effectiveAt: INSTANT,
      expiresAt: INSTANT,
      recordedAt: fc.integer({ min: 0, max: 3 }),
      remaining: AMOUNT,
      broken: fc.constantFrom(ZERO, new Decimal('0.7')),
    }),
    { maxLength: 8 },
  )
  .map((list) =>
    list.map((each, no): OpenGrant => ({ ...each, grantId: String(no + 1), rule: null, isVoid: false })),
  )

describe('whatever the grants', () => {
  test('the postings of a debit add up to it, and none takes what is not there', () => {
    fc.assert(
      fc.property(GRANTS, AMOUNT, (grants, amount) => {
        const postings = burnDown(grants, amount, NOON)
        expect(sumOf(postings)).toEqual(amount)
        expect(postings.every((posting) => posting.amount.greaterThan(0))).toBe(true)
        for (const { remaining, broken } of settled(grants, postings)) {
          expect(remaining.isNegative() || broken.isNegative()).toBe(false)
        }
      }),
    )
  })

  test('debits one by one take from each grant what their sum takes at once', () => {
    fc.assert(
      fc.property(GRANTS, fc.array(AMOUNT, { minLength: 1, maxLength: 5 }), (grants, amounts) => {
        let state = grants
        const apart: Posting[] = []
        for (const amount of amounts) {
          const postings = burnDown(state, amount, NOON)
          apart.push(...postings)
          state = settled(state, postings)
        }
        const sum = amounts.reduce((total, amount) => total.plus(amount), ZERO)
        expect(bySource(apart)).toEqual(bySource(burnDown(grants, sum, NOON)))
      }),
    )
  })

  test('unwinding restores: all of a debit gives the grants back, a part what a smaller debit leaves', () => {
    fc.assert(
      fc.property(GRANTS, AMOUNT, AMOUNT, (grants, kept, more) => {
        const postings = burnDown(grants, kept.plus(more), NOON)
        const debits = postings.map(({ source, amount }, no) => ({ entryNo: no + 1, source, left: amount }))
        const returned = unwind(debits, more)
        expect(sumOf(returned)).toEqual(more)
        expect(settled(settled(grants, postings), returned)).toEqual(
          settled(grants, burnDown(grants, kept, NOON)),
        )
      }),
    )
  })
})

function sumOf(postings: readonly Posting[]): Decimal {
  return postings.reduce((sum, { amount }) => sum.plus(amount), ZERO)
}

function bySource(postings: readonly Posting[]): Record<string, string> {
  const sums: Record<string, string> = {}
  for (const { source, amount } of postings) sums[source] = amount.plus(sums[source] ?? 0).toString()
  return sums
}

function settled(grants: readonly OpenGrant[], postings: readonly Posting[]): OpenGrant[] {
  const moved = (account: string) =>
    postings.reduce(
      (sum, { source, destination, amount }) =>
        destination === account ? sum.plus(amount) : source === account ? sum.minus(amount) : sum,
      ZERO,
    )
  return grants.map((each) => ({
    ...each,
    remaining: each.remaining.plus(moved(`grant:${each.grantId}`)),
    broken: each.broken.plus(moved(`breakage:${each.grantId}`)),
  }))
}
