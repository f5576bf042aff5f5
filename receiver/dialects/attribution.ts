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
    'ai.settings.context.customerId',
    'ai.settings.context.userId',
    'traceloop.association.properties.customer_id',
    'traceloop.association.properties.user_id',
    'langsmith.metadata.user_id',
    'mlflow.trace.user',
    'gen_ai.user.id',
    'gen_ai.user',
    'llm.user',
    'litellm.end_user.id',
    'litellm.metadata.user_api_key_end_user_id',
    'metadata.user_api_key_end_user_id',
  ],
  session: [
    'gen_ai.conversation.id',
    'session.id',
    'langfuse.session.id',
    'ai.telemetry.metadata.sessionId',
    'ai.settings.context.sessionId',
    'traceloop.association.properties.session_id',
    'langsmith.metadata.thread_id',
    'langsmith.metadata.session_id',
    'gcp.vertex.agent.session_id',
    'mlflow.trace.session',
    'spring.ai.chat.client.conversation.id',
    'conversation.id',
  ],
}

export const STATED_CUSTOMER = 'aforo.customer.id'
export const STATED_PRODUCT = 'aforo.product.id'
export const STATED_SESSION = 'aforo.session.id'
export const STATED_HOLD = 'aforo.hold.id'

/** What an attribute of the span, else of its resource, says. An empty text says nothing. */
export function textOf(span: Span, key: string): string | null {
  const value = span.attribute(key) ?? span.resource(key)
  if (value === undefined || value === '') return null
  return String(value)
}

/** What the first of these attributes says that says something. */
export function firstText(span: Span, keys: readonly string[]): string | null {
  for (const key of keys) {
    const text = textOf(span, key)
    if (text !== null) return text
  }
  return null
}
