import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Assembly } from '../core/assembly.ts'
import { inputTokens, outputTokens, type Usage } from '../core/usage.ts'
import { assemble } from '../receiver/assemble/assemble.ts'
import { compileKeys } from '../receiver/decode/keys.ts'
import { decodeProtobuf } from '../receiver/decode/protobuf.ts'
import { DEFAULT_ATTRIBUTION } from '../receiver/dialects/attribution.ts'
import { COUNTED_KEYS, KEYS, USAGE_INSIDE_KEYS } from '../receiver/dialects/keys.ts'
import { toUsage } from '../receiver/dialects/normalise.ts'
import { acrossTraces } from '../receiver/mirrors/across.ts'

/*
 * Export requests of real clients, recorded against a fake model server that knows what it served. truth.json says what
 * that was, and how much of it the client's spans can tell at all (`recoverable`).
 */
const FOLDER = new URL('recordings/', import.meta.url)

interface UsageTruth {
  readonly input_tokens: number
  readonly output_tokens: number
  readonly cache_read_tokens: number
  readonly cache_write_tokens: number
  readonly reasoning_tokens: number
}

interface Truth {
  readonly client: string
  readonly scenario: string
  readonly requests: readonly string[]
  readonly recoverable: 'exact' | 'totals_exact_detail_missing' | 'usage_missing' | 'calls_1_of_0'
  readonly model_calls: number
  readonly tool_calls: number
  readonly usage: UsageTruth
  readonly calls: readonly { readonly status: number; readonly usage: UsageTruth | null }[]
}

const TRUTH: Readonly<Record<string, Truth>> = JSON.parse(readFileSync(new URL('truth.json', FOLDER), 'utf8'))

/** Clients whose spans tell of tool executions; the others show at most that the model asked for one. */
const TELLS_TOOLS = ['vercel-ai', 'openinference-langchain+openai-double']

/** Four clients in one request; two of the four tool calls were asked for through a client that tells none. */
const MERGED = 'otelcol-0.152.0-batch-merge-4-clients'

const KEY_TABLE = compileKeys(KEYS, COUNTED_KEYS, USAGE_INSIDE_KEYS)
const NOW = 1_795_500_000_000_000_000n

describe('recordings', () => {
  for (const [name, truth] of named('exact')) {
    it(`${name} comes out exact`, () => {
      const traces = assembleRecording(truth)
      expect(totalsOf(traces)).toEqual(truth.usage)
      expect(sum(traces, (trace) => trace.calls.length)).toBe(truth.model_calls)
      expect(anomaliesOf(traces, 'unmetered')).toEqual([])
    })
  }

  for (const [name, truth] of named('totals_exact_detail_missing')) {
    it(`${name} comes out exact in input and output`, () => {
      const traces = assembleRecording(truth)
      const { input_tokens, output_tokens } = totalsOf(traces)
      expect({ input_tokens, output_tokens }).toEqual({
        input_tokens: truth.usage.input_tokens,
        output_tokens: truth.usage.output_tokens,
      })
      expect(sum(traces, (trace) => trace.calls.length)).toBe(truth.model_calls)
    })
  }

  for (const [name, truth] of named('usage_missing')) {
    it(`${name} comes out as unmetered`, () => {
      const traces = assembleRecording(truth)
      expect(sum(traces, (trace) => trace.calls.length)).toBe(truth.model_calls)
      expect(anomaliesOf(traces, 'unmetered')).toHaveLength(truth.model_calls)
    })
  }

  it('a refused request without an error status on its span is no call', () => {
    const truth = TRUTH['langfuse-openai-5.11.1-error']!
    const traces = assembleRecording(truth)
    expect(sum(traces, (trace) => trace.calls.length)).toBe(truth.model_calls)
    expect(anomaliesOf(traces, 'unmetered')).toEqual([])
  })

  for (const [name, truth] of named('exact')) {
    const told = TELLS_TOOLS.includes(truth.client) || truth.client === 'otelcol'
    const executions = name === MERGED ? truth.tool_calls - 2 : told ? truth.tool_calls : 0
    it(`${name} tells ${executions} tool calls`, () => {
      expect(sum(assembleRecording(truth), (trace) => trace.tools.length)).toBe(executions)
    })
  }

  it('every call of a recording has its own tokens', () => {
    for (const [name, truth] of named('exact')) {
      const served = truth.calls.flatMap(({ usage }) => (usage === null ? [] : [usage]))
      if (served.length === 0) continue
      const calls = assembleRecording(truth).flatMap((trace) => trace.calls)
      const pairs = calls.map(({ buckets }) => [inputTokens(buckets), outputTokens(buckets)])
      expect(pairs.sort(byInput), name).toEqual(
        served.map((usage) => [usage.input_tokens, usage.output_tokens]).sort(byInput),
      )
    }
  })

  it('an hour of cache is told from five minutes where the client tells', () => {
    const [trace] = assembleRecording(TRUTH['anthropic-sdk-native-1.12.0-cached']!)
    expect(trace?.calls[0]?.buckets).toEqual({
      inputUncached: 599,
      cacheRead: 1152,
      cacheWrite: 256,
      cacheWrite1h: 0,
      outputText: 23,
      outputReasoning: 0,
    })
    expect(trace?.calls[0]?.serviceTier).toBe('standard')
  })

  it('the customer is found in what the client passes on', () => {
    const [trace] = assembleRecording(TRUTH['vercel-ai-6.0.326-agent-tools']!)
    expect(trace).toMatchObject({ customer: 'user-7', product: 'vercel-ai-app', agent: 'support-bot' })
    expect(trace?.tools.map((tool) => [tool.name, tool.callId])).toEqual([
      ['get_weather', 'call_1'],
      ['get_time', 'call_2'],
    ])
  })
})

function named(recoverable: Truth['recoverable']): readonly (readonly [string, Truth])[] {
  return Object.entries(TRUTH).filter(([, truth]) => truth.recoverable === recoverable)
}

/** One assembly per trace of the recording, with the calls that are its own: two traces may tell of one call. */
function assembleRecording(truth: Truth): readonly Assembly[] {
  const traces = new Map<string, Usage[]>()
  for (const request of truth.requests) {
    const batch = decodeProtobuf(readFileSync(new URL(request, FOLDER)), KEY_TABLE)
    expect(batch.rejected).toEqual([])
    for (let i = 0; i < batch.length; i++) {
      const usage = toUsage(batch.span(i), DEFAULT_ATTRIBUTION)
      const trace = traces.get(usage.traceId)
      if (trace === undefined) traces.set(usage.traceId, [usage])
      else trace.push(usage)
    }
  }
  const alone = [...traces.values()].map((usages) => ({ usages, assembly: assemble(usages, { now: NOW }) }))
  return acrossTraces(alone, { byPlace: true })
}

function totalsOf(traces: readonly Assembly[]): UsageTruth {
  const total = (read: (call: Assembly['calls'][number]) => number): number =>
    sum(traces, (trace) => trace.calls.reduce((tokens, call) => tokens + read(call), 0))
  return {
    input_tokens: total(({ buckets }) => inputTokens(buckets)),
    output_tokens: total(({ buckets }) => outputTokens(buckets)),
    cache_read_tokens: total(({ buckets }) => buckets.cacheRead),
    cache_write_tokens: total(({ buckets }) => buckets.cacheWrite + buckets.cacheWrite1h),
    reasoning_tokens: total(({ buckets }) => buckets.outputReasoning),
  }
}

function anomaliesOf(traces: readonly Assembly[], kind: string): readonly string[] {
  return traces.flatMap((trace) => trace.anomalies.filter((a) => a.kind === kind).map((a) => a.reason))
}

function sum<T>(items: readonly T[], read: (item: T) => number): number {
  return items.reduce((total, item) => total + read(item), 0)
}

function byInput(a: readonly number[], b: readonly number[]): number {
  return (a[0] ?? 0) - (b[0] ?? 0)
}
