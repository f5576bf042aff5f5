import type { Assembly } from '../../core/assembly.ts'
import { AforoError } from '../../core/errors.ts'
import type { UsageTotals } from '../../core/event.ts'
import { inputTokens, outputTokens } from '../../core/usage.ts'

export const NO_TOTALS: UsageTotals = {
  modelCalls: 0,
  unmeteredCalls: 0,
  toolCalls: 0,
  reasoningSteps: 0,
  inputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  embeddingTokens: 0,
}

const FIELDS = Object.keys(NO_TOTALS) as readonly (keyof UsageTotals)[]

/**
 * The additive numbers of a trace. Input of an embedding request counts as embedding tokens, not as input tokens, as
 * the meters have it.
 *
 * @throws AforoError `internal` where a sum leaves the whole numbers that are exact
 */
export function totalsOf(assembly: Assembly): UsageTotals {
  const sums: Record<keyof UsageTotals, number> = { ...NO_TOTALS }
  sums.modelCalls = assembly.calls.length
  sums.toolCalls = assembly.tools.length
  sums.reasoningSteps = assembly.reasoningSteps
  for (const { kind, metered, buckets } of assembly.calls) {
    if (!metered) sums.unmeteredCalls++
    sums.outputTokens += outputTokens(buckets)
    sums.reasoningTokens += buckets.outputReasoning
    if (kind === 'embedding') {
      sums.embeddingTokens += inputTokens(buckets)
      continue
    }
    sums.inputTokens += inputTokens(buckets)
    sums.cacheReadTokens += buckets.cacheRead
    sums.cacheWriteTokens += buckets.cacheWrite + buckets.cacheWrite1h
  }
  for (const field of FIELDS) {
    if (!Number.isSafeInteger(sums[field]))
      throw new AforoError('internal', `${field} of a trace is no exact whole number`)
  }
  return sums
}

/** What `now` has beyond `before`; negative where a late span told that less was used. */
export function differenceOf(now: UsageTotals, before: UsageTotals): UsageTotals {
  return Object.fromEntries(
    FIELDS.map((field) => [field, now[field] - before[field]]),
  ) as unknown as UsageTotals
}
