import type { Assembly } from '../../core/assembly.ts'
import { inputTokens, outputTokens } from '../../core/usage.ts'
import { assemble } from '../../receiver/assemble/assemble.ts'
import { type Attributes, SPAN_TEST_START, type SpanWords, usage } from './spans.ts'

export const AGENT: Attributes = { 'gen_ai.operation.name': 'invoke_agent' }
export const TOOL: Attributes = { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'search' }

/** The assembly of those spans, taken at the instant at which they begin. */
export function assembled(...words: readonly SpanWords[]): Assembly {
  return assemble(words.map(usage), { now: SPAN_TEST_START })
}

/** Input and output of each call. */
export function tokens({ calls }: Assembly): readonly (readonly [number, number])[] {
  return calls.map(({ buckets }) => [inputTokens(buckets), outputTokens(buckets)])
}

/** Reasons of the anomalies of those kinds. */
export function reasons({ anomalies }: Assembly, ...kinds: readonly string[]): readonly string[] {
  return anomalies.filter(({ kind }) => kinds.includes(kind)).map(({ reason }) => reason)
}

export function withUsage(
  words: SpanWords,
  attributes: Attributes,
  input: number,
  output: number,
): SpanWords {
  const stated = { 'gen_ai.usage.input_tokens': input, 'gen_ai.usage.output_tokens': output }
  return { ...words, attributes: { ...attributes, ...stated } }
}

/** A model call that tells no usage. */
export function silent(words: SpanWords): SpanWords {
  const named = { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'gpt-4o' }
  return { ...words, attributes: { ...named, ...words.attributes } }
}
