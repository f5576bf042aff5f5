import type { Usage } from '../../core/usage.ts'
import type { Tree } from './tree.ts'

/** Whose the trace is. */
export interface TraceAttribution {
  readonly customer: string | null
  readonly product: string | null
  readonly session: string | null
  readonly agent: string | null
}

/**
 * Of all spans the one nearest to a root decides, of equally near ones the earlier, then the lower id. Aforo's own
 * attributes on any span come before every fallback.
 */
export function attribute(tree: Tree): TraceAttribution {
  const nearestFirst = tree.spans.map((_, index) => index)
  // Spans are in the order of start and id, which the sort keeps among equals.
  nearestFirst.sort((a, b) => tree.depth[a]! - tree.depth[b]!)
  const nearest = (read: (usage: Usage) => string | null): string | null => {
    for (const index of nearestFirst) {
      const text = read(tree.spans[index]!)
      if (text !== null) return text
    }
    return null
  }
  return {
    customer: nearest((usage) => usage.customer) ?? nearest((usage) => usage.customerFallback),
    product: nearest((usage) => usage.product) ?? nearest((usage) => usage.serviceName),
    session: nearest((usage) => usage.session) ?? nearest((usage) => usage.sessionFallback),
    agent: nearest((usage) => usage.agent),
  }
}
