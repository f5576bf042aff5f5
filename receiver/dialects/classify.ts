import type { Span } from '../../core/span.ts'
import type { UsageClass } from '../../core/usage.ts'
import type { CompiledDialect } from './compile.ts'
import type { SpanRole } from './dialect.ts'

/** What a span is to the counting, and whether tokens on it are looked at. */
export interface Classification {
  readonly role: SpanRole | typeof UNNAMED
  readonly usageClass: UsageClass
  readonly agentBoundary: boolean
  readonly plan: boolean
  /** False where tokens on the span were never consumed, or are another span's. */
  readonly readsUsage: boolean
  /** A call seen by whom it was made to. Not counted unless the row is that side's own, and told if nobody else saw it. */
  readonly serverSide: boolean
}

/** The role of a span that no rule of its row names, and that does not look like a call. */
export const UNNAMED = 'unnamed'

/** Classifies a span by its row. `namesModelAndUsage` is asked only for spans that no rule of the row names. */
export function classify(
  span: Span,
  compiled: CompiledDialect,
  namesModelAndUsage: () => boolean,
): Classification {
  const role = compiled.role(span) ?? (namesModelAndUsage() ? 'call' : UNNAMED)
  const requests = role === 'call' || role === 'embed' || role === 'fetch'
  const serverSide =
    requests && (span.kind === 'server' || span.kind === 'consumer') && compiled.dialect.serves !== true
  return {
    role,
    usageClass: serverSide ? 'other' : classOf(role),
    agentBoundary: role === 'agent',
    plan: role === 'plan',
    readsUsage: role !== 'ignored' && role !== 'priced' && role !== UNNAMED,
    serverSide,
  }
}

function classOf(role: SpanRole | typeof UNNAMED): UsageClass {
  switch (role) {
    case 'agent':
    case 'plan':
      return 'wrapper'
    case 'ignored':
    case 'priced':
    case UNNAMED:
      return 'other'
    default:
      return role
  }
}
