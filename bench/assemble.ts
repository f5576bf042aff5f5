import type { Usage } from '../core/usage.ts'
import { assemble } from '../receiver/assemble/assemble.ts'
import type { SpanBatch } from '../receiver/decode/batch.ts'
import { compileKeys } from '../receiver/decode/keys.ts'
import { decodeProtobuf } from '../receiver/decode/protobuf.ts'
import { DEFAULT_ATTRIBUTION } from '../receiver/dialects/attribution.ts'
import { COUNTED_KEYS, KEYS, USAGE_INSIDE_KEYS } from '../receiver/dialects/keys.ts'
import { toUsage } from '../receiver/dialects/normalise.ts'
import { agentTraces, SPANS_PER_AGENT_TRACE } from './agent-traces.ts'
import { genAiBatch } from './batches.ts'
import { median } from './median.ts'

/*
 * What it costs to make usages of decoded spans, and calls of usages: CPU per span, median of rounds. And whether a
 * large trace costs more per span than a small one.
 */
const ROUNDS = 9
const ROUND_MS = 250
const NOW = 1_790_000_000_000_000_000n
const END_MS = 1_790_000_000_000
/** A trace of 10,000 spans may cost this many times one of 1,000. */
const GROWTH_MAX = 12
const AGENT_NANO = 10_000_000_000n

const keys = compileKeys(KEYS, COUNTED_KEYS, USAGE_INSIDE_KEYS)
const agents = decodeProtobuf(agentTraces({ traces: 85, seed: 1, customers: 50, endMs: END_MS }), keys)
const mixed = decodeProtobuf(genAiBatch({ spans: 512, contents: false, seed: 1 }), keys)
const traces = Object.values(Object.groupBy(usagesOf(agents), (usage) => usage.traceId)).filter(
  (trace) => trace !== undefined,
)

console.log(`assemble · Node ${process.versions.node} · CPU per span, median of ${ROUNDS} rounds`)
const normalise = report('toUsage, agents: calls, tools, wrappers', agents.length, () => usagesOf(agents))
report('toUsage, half of them HTTP and databases', mixed.length, () => usagesOf(mixed))
const assembling = report(
  `assemble, traces of ${SPANS_PER_AGENT_TRACE} spans`,
  traces.length * SPANS_PER_AGENT_TRACE,
  () => {
    for (const trace of traces) assemble(trace, { now: NOW })
  },
)
console.log(`  both: ${Math.round(1e9 / (normalise + assembling)).toLocaleString('en')} spans/s of one core`)
const [small, large] = [1_000, 10_000].map((spans) => {
  const trace = oneTrace(spans)
  return spans * report(`assemble, one trace of ${spans} spans`, spans, () => assemble(trace, { now: NOW }))
}) as [number, number]
console.log(`  10,000 spans cost ${(large / small).toFixed(1)}× of 1,000 (goal ≤ ${GROWTH_MAX}×)`)

function usagesOf(batch: SpanBatch): Usage[] {
  const usages: Usage[] = []
  for (let i = 0; i < batch.length; i++) usages.push(toUsage(batch.span(i), DEFAULT_ATTRIBUTION))
  return usages
}

/** Agents of one trace, one after the other under one root, ten seconds each. */
function oneTrace(spans: number): readonly Usage[] {
  const shape = { traces: Math.ceil(spans / SPANS_PER_AGENT_TRACE), seed: 2, customers: 1, endMs: END_MS }
  const usages = usagesOf(decodeProtobuf(agentTraces(shape), keys)).slice(0, spans)
  const root = usages.find((usage) => usage.parentSpanId === '')!
  return usages.map((usage, at) => {
    const later = BigInt(Math.floor(at / SPANS_PER_AGENT_TRACE)) * AGENT_NANO
    return {
      ...usage,
      traceId: root.traceId,
      parentSpanId: usage.parentSpanId === '' && usage !== root ? root.spanId : usage.parentSpanId,
      startNano: usage.startNano + later,
      endNano: usage.endNano + later,
    }
  })
}

/** Nanoseconds of CPU per span, printed and returned. */
function report(title: string, spans: number, work: () => unknown): number {
  const rounds: number[] = []
  for (let round = -2; round < ROUNDS; round++) {
    const from = process.cpuUsage()
    let done = 0
    for (const end = performance.now() + ROUND_MS; performance.now() < end; done += spans) work()
    const used = process.cpuUsage(from)
    if (round >= 0) rounds.push(((used.user + used.system) * 1000) / done)
  }
  const nanos = median(rounds)
  console.log(`  ${title.padEnd(44)}${nanos.toFixed(0).padStart(7)} ns`)
  return nanos
}
