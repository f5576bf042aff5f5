import type { Span } from '../../core/span.ts'
import type { Usage } from '../../core/usage.ts'

/** Attributes of database and messaging clients. */
export const MESSAGING_OR_DATABASE = ['db.system', 'db.system.name', 'messaging.system'] as const

/**
 * Whether a span's row must be kept in the journal. Every span may stand between a call and its root, or between a
 * client's view of a call and a gateway's, and dropping one of those tears the tree. Only what is known to be a leaf is
 * dropped: a client or producer of a database or a queue, with a parent, that states nothing of Aforo's.
 */
export function isWorthKeeping(usage: Usage, span: Span): boolean {
  if (usage.usageClass !== 'other' || usage.dialect !== '') return true
  if (usage.kind !== 'client' && usage.kind !== 'producer') return true
  if (usage.parentSpanId === '') return true
  if (usage.customer !== null || usage.product !== null || usage.session !== null || usage.holdId !== null)
    return true
  if (usage.anomalies.length > 0) return true
  return !MESSAGING_OR_DATABASE.some((key) => span.attribute(key) !== undefined)
}
