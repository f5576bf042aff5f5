import { ALERT_STATES, type AlertState, type Direction } from '../core/alert.ts'
import type { Decimal } from '../core/money.ts'

/** From where on a value is a warning, and from where on it blocks. */
export interface Levels {
  readonly direction: Direction
  readonly warn: Decimal | null
  readonly block: Decimal | null
  readonly clearBy: Decimal
}

/**
 * What is known of a value. `exact`; `at_best`: the true value is this or further beyond, so it may make a state worse and
 * never better; `unknown`: nothing changes; `nothing`: there is nothing to judge, which is ok.
 */
export type Known =
  | { readonly certainty: 'exact'; readonly value: Decimal }
  | { readonly certainty: 'at_best'; readonly value: Decimal }
  | { readonly certainty: 'unknown' }
  | { readonly certainty: 'nothing' }

/** A state and when it began, milliseconds since 1970. */
interface StateSince {
  readonly state: AlertState
  readonly sinceMs: number
}

/**
 * The state after a value was seen. What is worse holds at once. What is better holds when the value is `clearBy` back
 * from the threshold and the state has lasted `leastMs`: so a value that wavers around a threshold changes nothing, and
 * one that swings across both ends changes the state at most twice in `leastMs`.
 */
export function nextState(
  { state, sinceMs }: StateSince,
  known: Known,
  levels: Levels,
  leastMs: number,
  nowMs: number,
): AlertState {
  if (known.certainty === 'unknown') return state
  const raw = known.certainty === 'nothing' ? 'ok' : stateAt(known.value, levels, false)
  if (rankOf(raw) > rankOf(state)) return raw
  if (known.certainty === 'at_best') return state
  const eased = known.certainty === 'nothing' ? 'ok' : stateAt(known.value, levels, true)
  return rankOf(eased) < rankOf(state) && nowMs - sinceMs >= leastMs ? eased : state
}

/** The threshold that a state stands for; of `ok` the mildest there is. */
export function thresholdOf({ warn, block }: Levels, state: AlertState): Decimal | null {
  return state === 'block' ? block : (warn ?? block)
}

/** @param eased whether the thresholds are where a state ends, not where it begins */
function stateAt(value: Decimal, levels: Levels, eased: boolean): AlertState {
  const { direction, warn, block, clearBy } = levels
  const isBeyond = (threshold: Decimal | null) => {
    if (threshold === null) return false
    return direction === 'above'
      ? value.greaterThanOrEqualTo(eased ? threshold.minus(clearBy) : threshold)
      : value.lessThan(eased ? threshold.plus(clearBy) : threshold)
  }
  return isBeyond(block) ? 'block' : isBeyond(warn) ? 'warn' : 'ok'
}

function rankOf(state: AlertState): number {
  return ALERT_STATES.indexOf(state)
}
