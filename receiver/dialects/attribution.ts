import type { Span } from '../../core/span.ts'

/** Attributes, beside Aforo's own, from which a tenant lets the customer and the session be read, the first that is there. */
export interface AttributionKeys {
  readonly customer: readonly string[]
  readonly session: readonly string[]
}

export const DEFAULT_ATTRIBUTION: AttributionKeys = {
  customer: [
    'customer.id',
    'tenant.id',
    'enduser.id',
    'user.id',
    'langfuse.user.id',
    'ai.telemetry.metadata.customerId',
    'ai.telemetry.metadata.userId',
    'traceloop.association.properties.customer_id',
    'traceloop.association.properties.user_id',
  ],
  session: [
    'gen_ai.conversation.id',
    'session.id',
    'langfuse.session.id',
    'ai.telemetry.metadata.sessionId',
    'traceloop.association.properties.session_id',
    'langsmith.metadata.thread_id',
    'langsmith.metadata.session_id',
    'gcp.vertex.agent.session_id',
    'mlflow.trace.session',
    'spring.ai.chat.client.conversation.id',
  ],
}

export const STATED_CUSTOMER = 'aforo.customer.id'
export const STATED_PRODUCT = 'aforo.product.id'
export const STATED_SESSION = 'aforo.session.id'
export const STATED_HOLD = 'aforo.hold.id'

/** Whose the span is, as far as it or its resource tells. Empty texts tell nothing. */
export interface Attribution {
  readonly customer: string | null
  readonly customerFallback: string | null
  readonly product: string | null
  readonly session: string | null
  readonly sessionFallback: string | null
  readonly holdId: string | null
}

export function attributionOf(span: Span, keys: AttributionKeys): Attribution {
  return {
    customer: textOf(span, STATED_CUSTOMER),
    customerFallback: firstText(span, keys.customer),
    product: textOf(span, STATED_PRODUCT),
    session: textOf(span, STATED_SESSION),
    sessionFallback: firstText(span, keys.session),
    holdId: textOf(span, STATED_HOLD),
  }
}

/** Of the span, else of its resource. */
export function textOf(span: Span, key: string): string | null {
  const value = span.attribute(key) ?? span.resource(key)
  if (value === undefined || value === '') return null
  return String(value)
}

function firstText(span: Span, keys: readonly string[]): string | null {
  for (const key of keys) {
    const text = textOf(span, key)
    if (text !== null) return text
  }
  return null
}
