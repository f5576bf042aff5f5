import type { Usage } from '../../core/usage.ts'
import { TRAIT } from './traits.ts'
import type { Tree } from './tree.ts'

/** Whose the trace is. */
interface TraceAttribution {
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
  // Who tells is known from the traits: the spans of a large trace are not walked over for what none of them tells.
  const customer = nearest(tree, TRAIT.customer) ?? nearest(tree, TRAIT.customerFallback)
  const session = nearest(tree, TRAIT.session) ?? nearest(tree, TRAIT.sessionFallback)
  const product = nearest(tree, TRAIT.product) ?? nearest(tree, TRAIT.service)
  return {
    customer: customer && (customer.customer ?? customer.customerFallback),
    product: product && (product.product ?? product.serviceName),
    session: session && (session.session ?? session.sessionFallback),
    agent: nearest(tree, TRAIT.agentName)?.agent ?? null,
  }
}

/** Spans are in the order of start and id, so that the first of the least depth is the one. */
function nearest({ spans, traits, depth }: Tree, trait: number): Usage | null {
  let found = -1
  for (let index = 0; index < traits.length; index++) {
    if ((traits[index]! & trait) === 0) continue
    if (found === -1 || depth[index]! < depth[found]!) found = index
    if (depth[found] === 0) break
  }
  return found === -1 ? null : spans[found]!
}
