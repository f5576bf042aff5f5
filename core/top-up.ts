import type { Decimal } from './money.ts'

/** When credits are asked for, and how often at most. Instants are microseconds since 1970. */
export interface TopUpRule {
  /** Asked for below it. */
  readonly threshold: Decimal
  readonly amount: Decimal
  /** Requests within any `windowSeconds`. */
  readonly requestsMax: number
  readonly windowSeconds: number
  /** After a request nothing is asked for this long, answered or not. */
  readonly cooldownSeconds: number
}

/** `until`: the first instant at which asking is allowed again. */
export type TopUpDecision =
  | { readonly kind: 'enough' }
  | { readonly kind: 'ask' }
  | { readonly kind: 'wait'; readonly until: number }

/**
 * Whether credits are to be asked for now.
 * @param asked when it was done before, the latest first: at least the last `requestsMax`
 */
export function decideTopUp(
  rule: TopUpRule,
  balance: Decimal,
  asked: readonly number[],
  now: number,
): TopUpDecision {
  if (balance.greaterThanOrEqualTo(rule.threshold)) return { kind: 'enough' }
  const [latest] = asked
  const nth = asked[rule.requestsMax - 1]
  const until = Math.max(
    latest === undefined ? now : latest + rule.cooldownSeconds * 1_000_000,
    nth === undefined ? now : nth + rule.windowSeconds * 1_000_000,
  )
  return until > now ? { kind: 'wait', until } : { kind: 'ask' }
}
