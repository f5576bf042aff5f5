import type { Assembly, ModelCall } from '../../core/assembly.ts'
import type { UnixNano } from '../../core/time.ts'
import { inputTokens, outputTokens, type Usage } from '../../core/usage.ts'
import { assemble } from '../assemble/assemble.ts'
import { decodeJson } from '../decode/json.ts'
import { compileKeys } from '../decode/keys.ts'
import { DEFAULT_ATTRIBUTION } from '../dialects/attribution.ts'
import { COUNTED_KEYS, KEYS, USAGE_INSIDE_KEYS } from '../dialects/keys.ts'
import { toUsage } from '../dialects/normalise.ts'
import { acrossTraces } from '../mirrors/across.ts'
import type { ConformanceCase, Expectation, ExpectedCall } from './case.ts'

const TABLE = compileKeys(KEYS, COUNTED_KEYS, USAGE_INSIDE_KEYS)

/** Cases play on 23 November 2026; they are judged a day later. */
const NOW: UnixNano = 1_795_521_600_000_000_000n

/** What a case came to. */
export interface Outcome {
  /** In the terms and the order of `expected`. */
  readonly actual: Expectation
  readonly expected: Expectation
  readonly passed: boolean
  /** Rows of the table that read calls of the case. */
  readonly dialects: readonly string[]
}

/** Takes the requests of a case through decoder, dialects and assembly, then all its traces together. */
export function runCase(given: ConformanceCase): Outcome {
  const { usages, assemblies } = assembleCase(given)
  const actual = sorted(toExpectation(assemblies))
  const expected = sorted(given.expect)
  return {
    actual,
    expected,
    passed: JSON.stringify(actual) === JSON.stringify(expected),
    dialects: [...new Set(usages.flat().map((usage) => usage.dialect))].sort(),
  }
}

/** What the journal would hold of each trace of a case, and what that amounts to. */
export function assembleCase(given: ConformanceCase): {
  readonly usages: readonly (readonly Usage[])[]
  readonly assemblies: readonly Assembly[]
} {
  const usages = [...usagesByTrace(given).values()]
  const alone = usages.map((ofTrace) => ({ usages: ofTrace, assembly: assemble(ofTrace, { now: NOW }) }))
  return { usages, assemblies: acrossTraces(alone, { byPlace: true }) }
}

function usagesByTrace({ otlp }: ConformanceCase): ReadonlyMap<string, Usage[]> {
  const traces = new Map<string, Usage[]>()
  for (const request of otlp) {
    const batch = decodeJson(Buffer.from(JSON.stringify(request)), TABLE)
    for (let i = 0; i < batch.length; i++) {
      const usage = toUsage(batch.span(i), DEFAULT_ATTRIBUTION)
      const trace = traces.get(usage.traceId)
      if (trace === undefined) traces.set(usage.traceId, [usage])
      else trace.push(usage)
    }
  }
  return traces
}

/** Whose a trace is does not matter here: cases name no customers. Nor does which of several traces has a call. */
function toExpectation(assemblies: readonly Assembly[]): Expectation {
  return {
    calls: assemblies.flatMap(({ calls }) => calls.map(toExpectedCall)),
    tools: assemblies.reduce((tools, assembly) => tools + assembly.tools.length, 0),
    reasoning_steps: assemblies.reduce((steps, assembly) => steps + assembly.reasoningSteps, 0),
    anomalies: assemblies
      .flatMap(({ anomalies }) => anomalies)
      .filter(({ kind }) => kind !== 'unattributed' && kind !== 'mirror')
      .map(({ kind, reason }) => `${kind}/${reason}`),
  }
}

function toExpectedCall(call: ModelCall): ExpectedCall {
  const { buckets } = call
  return {
    model: call.model,
    provider: call.provider,
    input_tokens: inputTokens(buckets),
    output_tokens: outputTokens(buckets),
    cache_read_tokens: buckets.cacheRead,
    cache_write_tokens: buckets.cacheWrite + buckets.cacheWrite1h,
    reasoning_tokens: buckets.outputReasoning,
    kind: call.kind,
    ...(call.metered ? {} : { metered: false as const }),
    ...(call.granularity === 'wrapper' ? { granularity: 'wrapper' as const } : {}),
    ...(call.estimated ? { estimated: true as const } : {}),
    ...(call.cacheHit ? { cache_hit: true as const } : {}),
  }
}

function sorted({ calls, tools, reasoning_steps, anomalies }: Expectation): Expectation {
  return {
    calls: calls
      .map((call) => Object.fromEntries(Object.entries(call).sort(byText)) as unknown as ExpectedCall)
      .sort((a, b) => byText(JSON.stringify(a), JSON.stringify(b))),
    tools,
    reasoning_steps,
    anomalies: [...anomalies].sort(),
  }
}

function byText(a: unknown, b: unknown): number {
  const [left, right] = [String(a), String(b)]
  return left < right ? -1 : left > right ? 1 : 0
}
