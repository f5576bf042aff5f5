import type { Decision } from '../../core/decision.ts'

/** A decision as it is answered: JSON. */
export function decisionText(decision: Decision): string {
  return JSON.stringify(decision)
}
