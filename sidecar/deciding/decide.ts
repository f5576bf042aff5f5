import type { Decision, Reason, Source, Verdict } from '../../core/decision.ts'
import type { Amounts } from '../../core/rate-card.ts'
import type { Scaled } from '../../core/scaled.ts'
import type { Counter } from '../view/counter.ts'
import { isBelowFloor } from '../view/terms.ts'

/** Everything a decision depends on. */
export interface Question {
  /** Of the budgets that apply, in the order of their ids. */
  readonly counters: readonly Counter[]
  readonly isKnown: boolean
  readonly isKilled: boolean
  /** What the call may use; null: nobody said. */
  readonly need: Need | null
  readonly wantsHold: boolean
  /** Nothing was heard of the centre for too long. */
  readonly isAway: boolean
  /** It was let in before, and may go on until what is used reaches the limit: what is held, by itself too, stops nobody. */
  readonly isUnderWay: boolean
}

/** What a call may use at most, in every unit. Incomplete: a part of it nobody bounded, and it was assumed. */
export interface Need {
  readonly amounts: Amounts
  readonly isComplete: boolean
}

/**
 * Whether a call may run. What decides, in this order:
 *
 *  1. `unknown_customer`, `killed`: deny.
 *  2. A hard budget without room for the call, or without any: deny, `budget_exhausted` or `wallet_empty`. That stays so
 *     while the centre is away.
 *  3. The centre is away: a budget that is `closed` then denies, and so does one that is `bounded` where what is leased
 *     does not reach: `stale`.
 *  4. A hard margin floor: deny.
 *  5. A hold is wanted and a hard budget has no price to hold by: deny, `unpriced`, unless nobody can be asked for one and
 *     the budget is `open` then.
 *  6. A budget that throttles, and calls come too often: throttle.
 *  7. A soft limit that is used up, or that the call may pass; a share to warn at, a soft floor: warn.
 *  8. Else allow.
 *
 * Work under way is judged by what is used alone: where all of a limit is held, nobody else comes in, and who holds it goes on.
 *
 * Nothing is changed by deciding. Of several the first budget in order is told; where none decides, the one with the least of its limit left.
 * @param now of our monotonic clock, milliseconds
 */
export function decide(question: Question, now: number): Ruling {
  const { counters, need, isAway, isUnderWay } = question
  if (!question.isKnown) return UNKNOWN
  if (question.isKilled) return KILLED
  let exhausted: Counter | null = null
  let stale: Counter | null = null
  let floor: Counter | null = null
  let unpriced: Counter | null = null
  let slow: Counter | null = null
  let waitMs = 0
  let warned: Counter | null = null
  let softFloor: Counter | null = null
  let least: Counter | null = null
  let leastRoom = 0n
  for (let i = 0; i < counters.length; i++) {
    const counter = counters[i]!
    const { terms, limit, used } = counter
    const isHard = terms.mode === 'hard'
    if (terms.unit === 'margin_pct') {
      if (isAway && terms.onOutage === 'closed') stale ??= counter
      if (counter.usedCogs === null || used < terms.floorAfter) continue
      if (!isBelowFloor(used, counter.usedCogs, limit)) continue
      if (isHard) floor ??= counter
      else softFloor ??= counter
      continue
    }
    const room = isUnderWay ? limit - used : counter.roomAt(now)
    const wanted = need === null ? 0n : needOf(counter, need)
    if (isHard) {
      if (room <= 0n || (wanted !== null && wanted > room)) exhausted ??= counter
      if (isAway && !isEnough(counter, question, wanted, now)) stale ??= counter
      if (wanted === null && question.wantsHold && !(isAway && terms.onOutage === 'open'))
        unpriced ??= counter
    } else {
      if (isAway && terms.onOutage === 'closed') stale ??= counter
      // What nobody bounded may be anything: it warns nobody.
      const isPast = need?.isComplete === true && wanted !== null && wanted > room
      if (used >= limit || isPast) warned ??= counter
    }
    if (counter.warnFrom !== null && used >= counter.warnFrom) warned ??= counter
    if (isSlowed(counter)) {
      const wait = counter.waitAt(now)
      if (wait > waitMs) {
        slow = counter
        waitMs = wait
      }
    }
    // Shares of limits are compared without dividing.
    if (least === null || room * least.limit < leastRoom * limit) {
      least = counter
      leastRoom = room
    }
  }
  if (exhausted)
    return ruling('deny', exhausted.terms.isWallet ? 'wallet_empty' : 'budget_exhausted', exhausted)
  if (stale) return ruling('deny', 'stale', stale)
  if (floor) return ruling('deny', 'margin_floor', floor)
  if (unpriced) return ruling('deny', 'unpriced', unpriced)
  if (slow) return { verdict: 'throttle', reason: 'throttled', counter: slow, waitMs }
  if (warned) return ruling('warn', 'soft_limit', warned)
  if (softFloor) return ruling('warn', 'margin_floor', softFloor)
  return least ? ruling('allow', 'within_budget', least) : WITHOUT_BUDGET
}

/** What was decided, and by which counter. */
export interface Ruling {
  readonly verdict: Verdict
  readonly reason: Reason
  readonly counter: Counter | null
  /** Of a throttled call: after so many milliseconds one may go through. */
  readonly waitMs: number
}

/** Lets a call through budgets that throttle: the next one waits longer. */
export function passThrottled(counters: readonly Counter[]): void {
  for (const counter of counters) if (isSlowed(counter)) counter.passOne()
}

/** As things are after a hold: the counter with the least of its limit left that decides nothing. */
export function withLeastLeft(ruling: Ruling, counters: readonly Counter[], now: number): Ruling {
  if (ruling.reason !== 'within_budget') return ruling
  let least: Counter | null = null
  let leastRoom = 0n
  for (const counter of counters) {
    if (counter.terms.unit === 'margin_pct') continue
    const room = counter.roomAt(now)
    if (least !== null && room * least.limit >= leastRoom * counter.limit) continue
    least = counter
    leastRoom = room
  }
  return { ...ruling, counter: least }
}

function isSlowed({ throttleFrom, used }: Counter): boolean {
  return throttleFrom !== null && used >= throttleFrom
}

/** A ruling in the words of the wire, as things are now. */
export function decisionOf(
  { verdict, reason, counter, waitMs }: Ruling,
  source: Source,
  ageMs: number,
  now: number,
): Decision {
  if (counter === null) return { decision: verdict, reason, source, age_ms: ageMs }
  const { budgetId: budget, unit, hintModel } = counter.terms
  if (unit === 'margin_pct') {
    const hint = hintModel === null ? {} : { hint_model: hintModel }
    return { decision: verdict, reason, budget, unit, ...hint, source, age_ms: ageMs }
  }
  const remaining = counter.textOf(counter.roomAt(now))
  if (verdict !== 'throttle')
    return { decision: verdict, reason, budget, remaining, unit, source, age_ms: ageMs }
  return { decision: verdict, reason, budget, remaining, unit, retry_after_ms: waitMs, source, age_ms: ageMs }
}

function ruling(verdict: Verdict, reason: Reason, counter: Counter | null): Ruling {
  return { verdict, reason, counter, waitMs: 0 }
}

const UNKNOWN = ruling('deny', 'unknown_customer', null)
const KILLED = ruling('deny', 'killed', null)
const WITHOUT_BUDGET = ruling('allow', 'within_budget', null)

/** What a call may use of a counter; null: there is no price to tell by, and the budget states no estimate. */
export function needOf({ terms }: Counter, { amounts, isComplete }: Need): Scaled | null {
  if (terms.unit === 'margin_pct') return 0n
  const amount = amounts[terms.unit]
  return isComplete && amount !== null ? amount : (terms.estimate ?? amount)
}

/** While the centre is away: whether the budget lets a call through by what we have. */
function isEnough(counter: Counter, question: Question, wanted: Scaled | null, now: number): boolean {
  switch (counter.terms.onOutage) {
    case 'closed':
      return false
    case 'open':
      return true
    case 'bounded': {
      if (question.isUnderWay) return true
      const free = counter.freeAt(now)
      return free > 0n && (!question.wantsHold || (wanted !== null && wanted <= free))
    }
  }
}
