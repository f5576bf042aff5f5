import type { Usage } from '../core/usage.ts'
import { assemble } from '../receiver/assemble/assemble.ts'
import type { SpanBatch } from '../receiver/decode/batch.ts'
import { compileKeys } from '../receiver/decode/keys.ts'
import { decodeProtobuf } from '../receiver/decode/protobuf.ts'
import { DEFAULT_ATTRIBUTION } from '../receiver/dialects/attribution.ts'
import { COUNTED_KEYS, KEYS, USAGE_INSIDE_KEYS } from '../receiver/dialects/keys.ts'
import { toUsage } from '../receiver/dialects/normalise.ts'
import { SPAN_TEST_START } from '../test/support/spans.ts'
import { agentTraces, SPANS_PER_AGENT_TRACE } from './agent-traces.ts'
import { SHAPES } from './assemble-shapes.ts'
import { genAiBatch } from './batches.ts'
import { median, ratio } from './median.ts'

/*
 * What it costs to make usages of decoded spans, and calls of usages: CPU per span, median of rounds. And whether a
 * large trace costs more per span than a small one, by two measures, neither of which is told without the other. In turn: as
 * many spans in ten small traces, since what a cutter assembles comes from a database. Again and again: one small trace ten
 * times, which lies in the processor's own cache while the large one does not, so that what is left of the difference is
 * memory. The least of the rounds is printed beside the median, for machines that others use too. At last, whether some shape
 * of a trace makes a step walk over all spans for each of them.
 */
const ROUNDS = 9
const SHAPE_ROUNDS = 3
const ROUND_MS = 250
/** A day after the latest of the traces. */
const NOW = SPAN_TEST_START + 86_400_000_000_000n
const END_MS = 1_790_000_000_000
const LARGE_SPANS = 10_000
const SMALL_SPANS = 1_000
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
const large = oneTrace(LARGE_SPANS, 2)
const small = Array.from({ length: LARGE_SPANS / SMALL_SPANS }, (_, seed) => oneTrace(SMALL_SPANS, seed + 2))
const again = small.map(() => small[0]!)
const [ofLarge, ofSmall, ofAgain] = inTurn([[large], small, again]) as [number[], number[], number[]]
print(`assemble, one trace of ${LARGE_SPANS} spans`, median(ofLarge))
print(`assemble, ten traces of ${SMALL_SPANS} spans`, median(ofSmall))
print(`assemble, one of them ten times`, median(ofAgain))
reportGrowth('ten of 1,000 in turn', ofSmall)
reportGrowth('one of 1,000 again and again', ofAgain)
for (const [shape, spansOf] of Object.entries(SHAPES)) {
  const [ofMany, ofFew] = inTurn([[spansOf(LARGE_SPANS)], [spansOf(SMALL_SPANS)]], SHAPE_ROUNDS)
  print(`${shape}: ${(10 * ratio(ofMany!, ofFew!)).toFixed(1)}×`, median(ofMany!))
}

function reportGrowth(than: string, small: readonly number[]): void {
  const growth = 10 * ratio(ofLarge, small)
  const least = (10 * Math.min(...ofLarge)) / Math.min(...small)
  console.log(
    `  10,000 spans cost ${growth.toFixed(1)}× (least by least ${least.toFixed(1)}×) of ${than}; goal ≤ ${GROWTH_MAX}×`,
  )
}

/** Nanoseconds of CPU per span of each list of traces, round by round; they take turns within each. */
function inTurn(lists: readonly (readonly (readonly Usage[])[])[], count = ROUNDS): readonly number[][] {
  const rounds = lists.map((): number[] => [])
  for (let round = -2; round < count; round++) {
    lists.forEach((list, which) => {
      const spans = list.reduce((sum, trace) => sum + trace.length, 0)
      const nanos = cpuPerSpan(spans, () => {
        for (const trace of list) assemble(trace, { now: NOW })
      })
      if (round >= 0) rounds[which]!.push(nanos)
    })
  }
  return rounds
}

function usagesOf(batch: SpanBatch): Usage[] {
  const usages: Usage[] = []
  for (let i = 0; i < batch.length; i++) usages.push(toUsage(batch.span(i), DEFAULT_ATTRIBUTION))
  return usages
}

/** Agents of one trace, one after the other under one root, ten seconds each. */
function oneTrace(spans: number, seed: number): readonly Usage[] {
  const shape = { traces: Math.ceil(spans / SPANS_PER_AGENT_TRACE), seed, customers: 1, endMs: END_MS }
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
    const nanos = cpuPerSpan(spans, work)
    if (round >= 0) rounds.push(nanos)
  }
  const nanos = median(rounds)
  print(title, nanos)
  return nanos
}

function cpuPerSpan(spans: number, work: () => unknown): number {
  const from = process.cpuUsage()
  let done = 0
  for (const end = performance.now() + ROUND_MS; performance.now() < end; done += spans) work()
  const used = process.cpuUsage(from)
  return ((used.user + used.system) * 1000) / done
}

function print(title: string, nanos: number): void {
  console.log(`  ${title.padEnd(44)}${nanos.toFixed(0).padStart(7)} ns`)
}
