import { ASSEMBLY_RULES } from '../../core/assembly-rules.ts'
import type { Findings } from '../../core/audit.ts'
import type { DueTrace } from '../cut/trace.ts'

/**
 * Where gaps of a trace are told. Of one that was cut with older rules of assembling a gap says so: nothing was lost or
 * written over, and a cut with the rules of now completes it.
 */
export function byRules({ cutRules }: DueTrace, report: Findings): Findings {
  if (cutRules >= ASSEMBLY_RULES) return report
  const words = ` (cut with rules ${cutRules} of assembling, these are ${ASSEMBLY_RULES}: aforo recut completes it)`
  return {
    count: (check, rows) => report.count(check, rows),
    gap: (check, gap) => report.gap(check, { ...gap, found: gap.found + words }),
  }
}
