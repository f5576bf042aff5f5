import fc from 'fast-check'
import { NO_TOKENS, type TokenBuckets, type Usage } from '../../core/usage.ts'
import { callOf, NOON_NANO, otherOf, spanIdOf } from './usages.ts'

/** A model call that was made once, and by whom it is told. */
export interface MadeCall {
  /** Without what was cached. */
  readonly input: number
  readonly cached: number
  readonly output: number
  readonly fromMs: number
  readonly forMs: number
  /** Whether its observers tell the provider's response id; those of `framework` never do. */
  readonly hasId: boolean
  readonly toldBy: readonly Observer[]
  /** Who of its observers sees no cached tokens, not even in the total. */
  readonly blind: readonly Observer[]
  /**
   * Whether it asked for a tool, which runs once it is over and is told by the same observers, as far as they tell of
   * tools.
   */
  readonly asksTool: boolean
}

/**
 *  framework  within an agent's trace, no id    sdk      a trace of its own, within the framework's time
 *  silent     as sdk, but without usage         gateway  a trace of its own in another service, by another clock
 *  poll       asks for the result later on, in a trace of its own
 *  queued     as framework, but its callbacks wait in a queue: both ends come late, in a trace of its own
 */
export const OBSERVERS = ['framework', 'sdk', 'silent', 'gateway', 'poll', 'queued'] as const
export type Observer = (typeof OBSERVERS)[number]

/** Calls of which many are alike and at once, as loops and fans of agents make them. */
export const madeCalls: fc.Arbitrary<readonly MadeCall[]> = fc.array(
  fc.record({
    input: fc.constantFrom(100, 100, 250),
    cached: fc.constantFrom(0, 0, 150),
    output: fc.constantFrom(20, 30),
    fromMs: fc.constantFrom(0, 1, 3, 40, 5_000),
    forMs: fc.constantFrom(300, 300, 301, 800),
    hasId: fc.boolean(),
    toldBy: fc.uniqueArray(fc.constantFrom(...OBSERVERS), { minLength: 1, maxLength: OBSERVERS.length }),
    blind: fc.subarray([...OBSERVERS]),
    asksTool: fc.boolean(),
  }),
  { minLength: 1, maxLength: 5 },
)

/** The spans that tell of calls, as usage by trace. Calls told by `framework` share the trace of one agent each two. */
export function tracesOf(run: string, calls: readonly MadeCall[]): readonly (readonly Usage[])[] {
  const traces = new Map<string, Usage[]>()
  calls.forEach((call, no) => {
    for (const observer of call.toldBy) {
      const trace = `${run} ${observer} ${observer === 'framework' ? no >> 1 : no}`
      const known = traces.get(trace) ?? []
      if (observer === 'framework' && known.length === 0)
        known.push(otherOf(trace, 'root', { agent: 'triage' }))
      known.push(spanOf(trace, no, call, observer, run))
      traces.set(trace, known)
      if (call.asksTool && TOLD_TOOLS.has(observer))
        known.push(toolOf(known.at(-1)!, no, call, observer, run))
    }
  })
  return [...traces.values()]
}

/** A gateway runs the tool, as the server of a protocol. */
const TOLD_TOOLS: ReadonlySet<Observer> = new Set(['framework', 'sdk', 'gateway', 'queued'])

/** How many executions of tools there were that somebody tells of. */
export function toolsMade(calls: readonly MadeCall[]): number {
  return calls.filter(({ asksTool, toldBy }) => asksTool && toldBy.some((each) => TOLD_TOOLS.has(each)))
    .length
}

function toolOf(asking: Usage, no: number, call: MadeCall, observer: Observer, run: string): Usage {
  return callOf('', '', {
    ...asking,
    spanId: spanIdOf(`${asking.spanId} tool`),
    usageClass: 'tool',
    startNano: asking.endNano + 1_000_000n,
    endNano: asking.endNano + 1_000_000n + (asking.endNano - asking.startNano),
    responseId: null,
    requestModel: null,
    responseModel: null,
    metered: false,
    buckets: NO_TOKENS,
    toolName: 'search',
    toolCallId: call.hasId && observer !== 'framework' ? `call_${run}-${no}-Ax9Zk2LmQp7Rt` : null,
  })
}

/** How late a clock or a queue makes both ends of a call. */
const SKEW_MS: Readonly<Partial<Record<Observer, number>>> = { gateway: 700, queued: 90 }

function spanOf(trace: string, no: number, call: MadeCall, observer: Observer, run: string): Usage {
  const isFramework = observer === 'framework' || observer === 'queued'
  const inset = BigInt(isFramework ? 0 : 2) * 1_000_000n
  const skew = BigInt(SKEW_MS[observer] ?? 0) * 1_000_000n
  const start = NOON_NANO + BigInt(call.fromMs) * 1_000_000n + skew
  const tells = observer !== 'silent'
  const later = BigInt(observer === 'poll' ? 60_000 : 0) * 1_000_000n
  return callOf(trace, `${no}`, {
    parentSpanId: observer === 'framework' ? spanIdOf('root') : '',
    usageClass: observer === 'poll' ? 'fetch' : 'call',
    startNano: start + inset + later,
    endNano: start + BigInt(call.forMs) * 1_000_000n - inset + later,
    scopeName: observer === 'silent' ? 'sdk' : observer,
    serviceName: observer === 'gateway' ? 'gateway' : 'agent',
    serviceInstance: observer === 'gateway' ? null : 'pod-1',
    dialect: observer === 'gateway' ? 'openrouter' : 'otel-genai',
    customer: isFramework ? 'acme' : null,
    responseId: call.hasId && !isFramework ? `chatcmpl-${run}-${no}-Ax9Zk2LmQp7Rt` : null,
    metered: tells,
    buckets: tells ? bucketsOf(call, observer) : NO_TOKENS,
  })
}

function bucketsOf({ input, cached, output, blind }: MadeCall, observer: Observer): TokenBuckets {
  const cacheRead = blind.includes(observer) ? 0 : cached
  return { ...NO_TOKENS, inputUncached: input, cacheRead, outputText: output }
}
