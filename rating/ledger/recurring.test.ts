import { describe, expect, test } from 'vitest'
import { boundaryAt, type Subscribed } from './recurring.ts'

const micros = (text: string) => Date.parse(text) * 1000

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
