import { ASSEMBLY_RULES } from '../../core/assembly-rules.ts'
import type { CutReason } from '../../core/event.ts'
import type { UnixMillis } from '../../core/time.ts'
import type { CutSettings } from './settings.ts'
import type { DueTrace } from './trace.ts'

/** Why a due trace is cut now. Named for the outcome; a later cut always comes of something new. */
export function cutReason(trace: DueTrace, settings: CutSettings, now: UnixMillis): CutReason {
  if (trace.revision >= 0) {
    if (trace.openSpanCount > 0) return 'late_span'
    return trace.completed || trace.cutRules >= ASSEMBLY_RULES ? 'completed' : 'newer_rules'
  }
  if (trace.openSpanCount >= settings.spansMax) return 'span_limit'
  const quietMs = now - trace.lastReceivedMs
  if (quietMs < (trace.rootEnded ? settings.quietMs : settings.idleMs)) return 'max_age'
  return trace.rootEnded ? 'root_ended' : 'idle'
}
