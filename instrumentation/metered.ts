import { context, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { ATTR_ERROR_TYPE } from '@opentelemetry/semantic-conventions'
import {
  ATTR_GEN_AI_AGENT_NAME,
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_GEN_AI_OPERATION_NAME,
  GEN_AI_OPERATION_NAME_VALUE_INVOKE_AGENT,
} from '@opentelemetry/semantic-conventions/incubating'
import { type Attribution, fromBaggage, toAttributes, withAgent, withAttribution } from './attribution.ts'
import { currentGuard } from './current.ts'
import type { GuardedCall } from './guard.ts'
import { observe } from './outcome.ts'

export interface Metering extends Attribution {
  /** Name of the agent; default: the name of the function. */
  readonly agent?: string
  /** Whether the work is checked before it begins, and stopped in flight: see `GuardedMetering`. */
  readonly guard?: undefined
}

/**
 * Guarded work begins only if its customer may go on, and `workSignal()` within it aborts once he may not. `true`, or
 * the most that the whole of the work may use, to be held for it. It takes a guard: `start` with `check`.
 */
export interface GuardedMetering extends Omit<Metering, 'guard'> {
  readonly guard: true | Pick<GuardedCall, 'model' | 'estimate' | 'ttlMs'>
}
type AnyMetering = Metering | GuardedMetering

/** Attributes of the work, or how to find them in the arguments of a call: `(request) => ({ customer: request.customer })`. */
export type MeteringOf<Args extends readonly unknown[], M = Metering> = M | ((...args: Args) => M)

type Work<This, Args extends unknown[], Result> = (this: This, ...args: Args) => Result
type Metered<Results = unknown> = <This, Args extends unknown[], Result extends Results>(
  method: Work<This, Args, Result>,
  context?: ClassMethodDecoratorContext,
) => Work<This, Args, Result>
/** What a guard can come before: it takes an answer over the network. */
type Awaitable = Promise<unknown> | AsyncGenerator<unknown, unknown, never>

/**
 * Wraps `fn` so that all it does, however deep, is billed to one customer, product and session: it runs in an
 * `invoke_agent` span, and every span under it carries the attribution.
 *
 * Arguments, `this`, results and errors pass unchanged. The span ends when the work does: at the return, when a
 * returned promise settles, or when a returned generator or async iterator is through or is abandoned. With the function
 * left out it gives a decorator for methods: `@metered({ agent: 'triage' })`.
 *
 * With `guard`, the function is async or an async generator; it rejects with a DeniedError where it may not begin.
 */
export function metered(metering: GuardedMetering): Metered<Awaitable>
export function metered(metering: Metering): Metered
export function metered<This, Args extends unknown[], Result extends Awaitable>(
  metering: MeteringOf<Args, GuardedMetering>,
  fn: Work<This, Args, Result>,
): Work<This, Args, Result>
export function metered<This, Args extends unknown[], Result>(
  metering: MeteringOf<Args>,
  fn: Work<This, Args, Result>,
): Work<This, Args, Result>
export function metered<This, Args extends unknown[], Result>(
  metering: MeteringOf<Args, AnyMetering>,
  fn?: Work<This, Args, Result>,
): Work<This, Args, Result> | Metered {
  if (fn !== undefined) return wrap(metering, fn)
  if (typeof metering === 'function') throw new TypeError('a decorator takes its attributes as an object')
  const decorate: Metered = (method) => wrap(metering, method)
  return decorate
}

function wrap<This, Args extends unknown[], Result>(
  metering: MeteringOf<Args, AnyMetering>,
  fn: Work<This, Args, Result>,
): Work<This, Args, Result> {
  const wrapped = function (this: This, ...args: Args): Result {
    const given = typeof metering === 'function' ? metering(...args) : metering
    const parent = withAgent(withAttribution(context.active(), given), given.agent ?? fn.name)
    const span = openSpan(given, fn.name, parent)
    return observe(
      () => (given.guard === undefined ? fn.apply(this, args) : guarded(given, fn, this, args)),
      (run) => context.with(trace.setSpan(parent, span), run),
      (failure) => closeSpan(span, failure),
    )
  }
  return Object.defineProperty(wrapped, 'name', { value: fn.name, configurable: true })
}

/** Results of guarded work are awaitable, which the overloads see to: a promise stays one, a generator too. */
function guarded<This, Args extends unknown[], Result>(
  metering: GuardedMetering,
  fn: Work<This, Args, Result>,
  self: This,
  args: Args,
): Result {
  const { guard, agent = fn.name } = metering
  const call = { agent, ...(guard === true ? {} : { ...guard, work: true }) }
  const run = () => currentGuard().guard(call, () => fn.apply(self, args))
  return (isAsyncGenerator(fn) ? readAll(run) : run()) as Result
}

/** What the generator returns at its end is handed on like all it yields. */
async function* readAll(run: () => Promise<unknown>): AsyncGenerator<unknown, unknown, unknown> {
  return yield* (await run()) as AsyncGenerator<unknown, unknown, unknown>
}

const AsyncGeneratorFunction = async function* () {}.constructor

function isAsyncGenerator(fn: unknown): boolean {
  return fn instanceof AsyncGeneratorFunction
}

function openSpan(
  metering: AnyMetering,
  functionName: string,
  parent: ReturnType<typeof context.active>,
): Span {
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
