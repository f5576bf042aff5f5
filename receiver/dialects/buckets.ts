import type { InputConvention, TokenBuckets } from '../../core/usage.ts'
import type { RawQuantity } from './dialect.ts'

/** Quantities as the span states them; null where it does not. */
export type RawUsage = Readonly<Record<RawQuantity, number | null>>

/** What is known of the sender's way to count, for where its numbers leave it open. */
export interface CountingRules {
  readonly cachedInput: 'included' | 'excluded' | null
  readonly reasoning: 'included' | 'apart' | null
  /** Google counts the tokens: what the total has beyond input and output is reasoning. */
  readonly google: boolean
  /** The provider's own usage object, carried on the span, has cached tokens beside the same input number. */
  readonly provenExcluded: boolean
}

export interface Bucketed {
  readonly buckets: TokenBuckets
  readonly inputConvention: InputConvention
  /** Reasons of `usage_ambiguous` anomalies. */
  readonly doubts: readonly string[]
}

/**
 * Splits what a span states into disjoint buckets. Arithmetic decides first, the rules second: no attribute name tells
 * whether cached tokens are part of the input or reasoning part of the output.
 */
export function toBuckets(raw: RawUsage, rules: CountingRules): Bucketed {
  const doubts: string[] = []
  const written = cacheWrites(raw)
  const cacheRead = raw.cacheRead ?? 0
  const cached = cacheRead + written.cacheWrite + written.cacheWrite1h
  const { inputUncached, inputConvention } = uncachedInput(raw, cached, rules, doubts)
  const output = splitOutput(raw, inputUncached + cached, rules, doubts)
  return {
    buckets: {
      inputUncached: inputUncached + output.moreInput + (raw.moreInput ?? 0),
      cacheRead,
      ...written,
      outputText: output.text + (raw.moreOutput ?? 0),
      outputReasoning: output.reasoning,
    },
    inputConvention,
    doubts,
  }
}

/** The lifetimes are a partition of all writes; what is not told to live an hour lives five minutes. */
function cacheWrites(raw: RawUsage): { cacheWrite: number; cacheWrite1h: number } {
  const parts = (raw.cacheWrite5m ?? 0) + (raw.cacheWrite1h ?? 0)
  const all = raw.cacheWrite === null || raw.cacheWrite === 0 ? parts : raw.cacheWrite
  const hour = Math.min(raw.cacheWrite1h ?? 0, all)
  return { cacheWrite: all - hour, cacheWrite1h: hour }
}

function uncachedInput(
  raw: RawUsage,
  cached: number,
  rules: CountingRules,
  doubts: string[],
): { inputUncached: number; inputConvention: InputConvention } {
  if (raw.inputUncached !== null) {
    const all = raw.inputUncached + cached
    if (raw.input !== null && raw.input !== all && raw.input !== raw.inputUncached)
      doubts.push('parts_differ_from_input')
    return { inputUncached: raw.inputUncached, inputConvention: 'disjoint' }
  }
  const input = raw.input ?? 0
  if (cached === 0) return { inputUncached: input, inputConvention: 'certain' }
  if (cached > input || rules.provenExcluded || totalShowsExcluded(raw, input, cached, rules.google)) {
    return { inputUncached: input, inputConvention: 'certain' }
  }
  const inputConvention = rules.cachedInput === null ? 'assumed' : 'table'
  return { inputUncached: rules.cachedInput === 'excluded' ? input : input - cached, inputConvention }
}

/**
 * A total that has the cached tokens beside the input. The contrary proves nothing: senders that leave cached tokens out
 * of the input leave them out of the total too.
 */
function totalShowsExcluded(raw: RawUsage, input: number, cached: number, google: boolean): boolean {
  if (raw.total === null) return false
  const reasoning = raw.reasoning ?? 0
  const rest = raw.total - input - (raw.output ?? 0)
  // With Google the same gap is more likely reasoning that stands beside the output.
  if (google && rest === reasoning) return false
  return rest === cached || (reasoning > 0 && rest === cached + reasoning)
}

interface SplitOutput {
  readonly text: number
  readonly reasoning: number
  /** Tokens of tool results that the total alone shows. */
  readonly moreInput: number
}

function splitOutput(raw: RawUsage, input: number, rules: CountingRules, doubts: string[]): SplitOutput {
  const stated = raw.reasoning ?? 0
  if (raw.outputText !== null) {
    const rest = raw.output === null ? 0 : Math.max(0, raw.output - raw.outputText)
    return { text: raw.outputText, reasoning: raw.reasoning ?? rest, moreInput: 0 }
  }
  if (raw.output === null) {
    const output = raw.total === null ? 0 : Math.max(0, raw.total - input)
    const reasoning = Math.min(stated, output)
    return { text: output - reasoning, reasoning, moreInput: 0 }
  }
  const { output } = raw
  const hidden = raw.total === null ? 0 : raw.total - input - output
  if (hidden > 0) return withHidden(output, stated, hidden, raw, rules, doubts)
  const folded = raw.total !== null && raw.total === input + output
  const apart = !folded && (stated > output || rules.reasoning === 'apart')
  if (apart) return { text: output, reasoning: stated, moreInput: 0 }
  if (stated > output) doubts.push('reasoning_above_output')
  const reasoning = Math.min(stated, output)
  return { text: output - reasoning, reasoning, moreInput: 0 }
}

/**
 * The total has tokens beyond input and output. They are reasoning where the span says so to the token, or where Google
 * counts and says nothing; anything else is not billed, but told.
 */
function withHidden(
  output: number,
  stated: number,
  hidden: number,
  raw: RawUsage,
  rules: CountingRules,
  doubts: string[],
): SplitOutput {
  if (stated > 0 && hidden === stated) return { text: output, reasoning: stated, moreInput: 0 }
  if (rules.google) {
    const moreInput = Math.min(raw.toolUseInput ?? 0, hidden)
    const thoughts = hidden - moreInput
    if (thoughts === 0 && stated <= output) return { text: output - stated, reasoning: stated, moreInput }
    if (raw.reasoning === null || stated === 0 || stated === thoughts) {
      return { text: output, reasoning: thoughts, moreInput }
    }
  }
  doubts.push('hidden_tokens_unknown')
  if (stated > output) return { text: output, reasoning: stated, moreInput: 0 }
  return { text: output - stated, reasoning: stated, moreInput: 0 }
}
