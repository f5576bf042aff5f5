import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { customerPeriod, partsOf, placeOf, type Subscription, termsOf, unitsWithin } from './calendar.ts'

const day = (text: string) => Date.parse(`${text}T00:00:00Z`)
const DAY_MS = 86_400_000

function subscription(from: string, anchorDay = 1, of: Partial<Subscription> = {}): Subscription {
  return { subscriptionId: from, planId: 'pro', from: day(from), timezone: 'UTC', anchorDay, ...of }
}

const told = (period: { start: number; end: number } | null) =>
  period && [period.start, period.end].map((at) => new Date(at).toISOString().slice(0, 10))

describe('the periods of a customer', () => {
  test('are those of the subscription, the first one whole', () => {
    const terms = termsOf([subscription('2026-01-16')])
    expect(told(customerPeriod(terms, day('2026-01-20')))).toEqual(['2026-01-01', '2026-02-01'])
    expect(told(customerPeriod(terms, day('2026-01-02')))).toEqual(['2026-01-01', '2026-02-01'])
    expect(told(customerPeriod(terms, day('2031-07-31')))).toEqual(['2031-07-01', '2031-08-01'])
    expect(customerPeriod(terms, day('2025-12-31'))).toBeNull()
    expect(customerPeriod([], 0)).toBeNull()
  })

  test('go on to the end of the period of who takes over with other days', () => {
    const terms = termsOf([subscription('2026-01-01'), subscription('2026-11-10', 15)])
    expect(told(customerPeriod(terms, day('2026-11-02')))).toEqual(['2026-11-01', '2026-11-15'])
    expect(told(customerPeriod(terms, day('2026-11-12')))).toEqual(['2026-11-01', '2026-11-15'])
    expect(told(customerPeriod(terms, day('2026-11-15')))).toEqual(['2026-11-15', '2026-12-15'])
  })

  test('end where another takes over at an end', () => {
    const terms = termsOf([subscription('2026-01-01'), subscription('2026-12-01', 15)])
    expect(told(customerPeriod(terms, day('2026-12-02')))).toEqual(['2026-12-01', '2026-12-15'])
  })

  const SUBSCRIPTIONS = fc
    .array(
      fc.record({
        from: fc.integer({ min: 0, max: 400 }).map((no) => day('2026-01-01') + no * DAY_MS),
        anchorDay: fc.integer({ min: 1, max: 31 }),
        timezone: fc.constantFrom('UTC', 'Europe/Madrid', 'Pacific/Auckland'),
      }),
      { minLength: 1, maxLength: 4 },
    )
    .map((list) =>
      list
        .sort((a, b) => a.from - b.from)
        .map((each, no) => ({ ...each, subscriptionId: String(no), planId: 'pro' })),
    )

  test('follow one another without gap or overlap, and every unit lies in one of them', () => {
    fc.assert(
      fc.property(SUBSCRIPTIONS, fc.integer({ min: 0, max: 700 }), (subscriptions, no) => {
        const terms = termsOf(subscriptions)
        const instant = subscriptions[0]!.from + no * DAY_MS
        const period = customerPeriod(terms, instant)!
        expect(period.start <= instant && instant < period.end).toBe(true)
        for (const at of [period.start, period.end - 1]) expect(customerPeriod(terms, at)).toEqual(period)
        expect(customerPeriod(terms, period.end)!.start).toBe(period.end)
        for (const unit of unitsWithin(terms, period)) {
          expect(customerPeriod(terms, placeOf(unit))).toEqual(period)
          const last = Math.min(unit.period.end, unit.term.until) - 1
          expect(customerPeriod(terms, last)).toEqual(period)
        }
      }),
    )
  })
})

describe('the parts of a unit', () => {
  const [unit] = unitsWithin(termsOf([subscription('2026-01-01'), subscription('2026-11-21')]), {
    start: day('2026-11-01'),
    end: day('2026-12-01'),
  })
  const versions = (...starts: readonly [number, string][]) =>
    starts.map(([version, from]) => ({ version, effectiveFrom: day(from) * 1000 }))

  test('are cut where a version or another subscription begins', () => {
    const parts = partsOf(unit!, versions([1, '2026-01-01'], [2, '2026-11-11'], [3, '2026-12-01']))
    expect(parts.map(({ version, segment }) => [version, segment.fromDay, segment.toDay])).toEqual([
      [1, 0, 10],
      [2, 10, 20],
    ])
  })

  test('are of the first version before there was one', () => {
    const parts = partsOf(unit!, versions([1, '2027-01-01']))
    expect(parts.map(({ version, segment }) => [version, segment.fromDay, segment.toDay])).toEqual([
      [1, 0, 20],
    ])
  })
})
