import { type Attributes, type Context, createContextKey, propagation } from '@opentelemetry/api'

/** Who a piece of work is for. Every span under it carries these, so that its trace can be billed. */
export interface Attribution {
  readonly customer?: string
  readonly product?: string
  readonly session?: string
  /** Id of the hold that a check with `reserve` gave out; it is settled when the spans arrive. */
  readonly hold?: string
}

/** The span attribute, and baggage entry, of each field. */
export const ATTRIBUTION_KEYS = {
  customer: 'aforo.customer.id',
  product: 'aforo.product.id',
  session: 'aforo.session.id',
  hold: 'aforo.hold.id',
} as const satisfies Record<keyof Attribution, string>

const FIELDS = ['customer', 'product', 'session', 'hold'] as const satisfies readonly (keyof Attribution)[]

/** The attribution as span attributes; empty and missing fields are left out. */
export function toAttributes(attribution: Attribution): Attributes {
  const attributes: Attributes = {}
  for (const field of FIELDS) {
    const value = attribution[field]
    if (value) attributes[ATTRIBUTION_KEYS[field]] = value
  }
  return attributes
}

/** `context` with the attribution in its baggage, over what is there already. */
export function withAttribution(context: Context, attribution: Attribution): Context {
  let baggage = propagation.getBaggage(context) ?? propagation.createBaggage()
  for (const field of FIELDS) {
    const value = attribution[field]
    if (value) baggage = baggage.setEntry(ATTRIBUTION_KEYS[field], { value })
  }
  return propagation.setBaggage(context, baggage)
}

/** The attribution that the baggage of `context` carries. */
export function fromBaggage(context: Context): Attribution {
  const baggage = propagation.getBaggage(context)
  if (baggage === undefined) return {}
  return Object.fromEntries(FIELDS.map((field) => [field, baggage.getEntry(ATTRIBUTION_KEYS[field])?.value]))
}

const AGENT = createContextKey('aforo agent')

/** `context` within the work of an agent. Of several the outermost is the one that usage counts for. */
export function withAgent(context: Context, agent: string): Context {
  return agentOf(context) === undefined && agent !== '' ? context.setValue(AGENT, agent) : context
}

export function agentOf(context: Context): string | undefined {
  return context.getValue(AGENT) as string | undefined
}
