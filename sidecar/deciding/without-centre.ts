import type { Spender } from '../../core/budget.ts'
import type { Reason, Verdict } from '../../core/decision.ts'
import type { Memory } from '../view/memory.ts'

/**
 * Of who is not known while nobody can be asked: what the budgets say that would apply to him, as far as they were met, and
 * no where none was met at all.
 */
export function rulingOfUnknown(
  memory: Memory,
  spender: Spender,
): { readonly verdict: Verdict; readonly reason: Reason } {
  if (memory.isKilled(spender)) return { verdict: 'deny', reason: 'killed' }
  const isNew = memory.sizes.spenders === 0
  const isShut = [...memory.applying(spender)].some(
    ({ mode, onOutage }) => onOutage === 'closed' || (mode === 'hard' && onOutage === 'bounded'),
  )
  return isShut || isNew
    ? { verdict: 'deny', reason: 'stale' }
    : { verdict: 'allow', reason: 'within_budget' }
}
