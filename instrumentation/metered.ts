import { context, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { ATTR_ERROR_TYPE } from '@opentelemetry/semantic-conventions'
import {
  ATTR_GEN_AI_AGENT_NAME,
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_GEN_AI_OPERATION_NAME,
  GEN_AI_OPERATION_NAME_VALUE_INVOKE_AGENT,
} from '@opentelemetry/semantic-conventions/incubating'
import { type Attribution, fromBaggage, toAttributes, withAttribution } from './attribution.ts'
import { observe } from './outcome.ts'

export interface Metering extends Attribution {
  /** Name of the agent; default: the name of the function. */
  readonly agent?: string
}

/** Attributes of the work, or how to find them in the arguments of a call: `(request) => ({ customer: request.customer })`. */
export type MeteringOf<Args extends readonly unknown[]> = Metering | ((...args: Args) => Metering)

type Work<This, Args extends unknown[], Result> = (this: This, ...args: Args) => Result
type Metered = <This, Args extends unknown[], Result>(
  method: Work<This, Args, Result>,
  context?: ClassMethodDecoratorContext,
) => Work<This, Args, Result>

/**
 * Wraps `fn` so that all it does, however deep, is billed to one customer, product and session: it runs in an
 * `invoke_agent` span, and every span under it carries the attribution.
 *
 * Arguments, `this`, results and errors pass unchanged. The span ends when the work does: at the return, when a
 * returned promise settles, or when a returned async iterator is through or is abandoned. With the function left
 * out it gives a decorator for methods: `@metered({ agent: 'triage' })`.
 */
export function metered(metering: Metering): Metered
export function metered<This, Args extends unknown[], Result>(
  metering: MeteringOf<Args>,
  fn: Work<This, Args, Result>,
): Work<This, Args, Result>
export function metered<This, Args extends unknown[], Result>(
  metering: MeteringOf<Args>,
  fn?: Work<This, Args, Result>,
): Work<This, Args, Result> | Metered {
  if (fn !== undefined) return wrap(metering, fn)
  if (typeof metering === 'function') throw new TypeError('a decorator takes its attributes as an object')
  const decorate: Metered = (method) => wrap(metering, method)
  return decorate
}

function wrap<This, Args extends unknown[], Result>(
  metering: MeteringOf<Args>,
  fn: Work<This, Args, Result>,
): Work<This, Args, Result> {
  const wrapped = function (this: This, ...args: Args): Result {
    const given = typeof metering === 'function' ? metering(...args) : metering
    const parent = withAttribution(context.active(), given)
    const span = openSpan(given, fn.name, parent)
    return observe(
      () => fn.apply(this, args),
      (run) => context.with(trace.setSpan(parent, span), run),
      (failure) => closeSpan(span, failure),
    )
  }
  return Object.defineProperty(wrapped, 'name', { value: fn.name, configurable: true })
}

function openSpan(metering: Metering, functionName: string, parent: ReturnType<typeof context.active>): Span {
  const agent = metering.agent ?? functionName
  const attribution = fromBaggage(parent)
  return trace.getTracer('aforo').startSpan(
    agent ? `invoke_agent ${agent}` : 'invoke_agent',
    {
      kind: SpanKind.INTERNAL,
      attributes: {
        [ATTR_GEN_AI_OPERATION_NAME]: GEN_AI_OPERATION_NAME_VALUE_INVOKE_AGENT,
        ...(agent ? { [ATTR_GEN_AI_AGENT_NAME]: agent } : {}),
        ...(attribution.session ? { [ATTR_GEN_AI_CONVERSATION_ID]: attribution.session } : {}),
        // Also set here, for programs whose tracer provider has no AttributionProcessor.
        ...toAttributes(attribution),
      },
    },
    parent,
  )
}

function closeSpan(span: Span, failure: { readonly error: unknown } | null): void {
  if (failure !== null) {
    const { error } = failure
    const exception = error instanceof Error ? error : new Error(String(error))
    span.recordException(exception)
    span.setStatus({ code: SpanStatusCode.ERROR, message: exception.message })
    span.setAttribute(ATTR_ERROR_TYPE, exception.name)
  }
  span.end()
}
