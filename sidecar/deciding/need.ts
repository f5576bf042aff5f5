import type { CheckRequest, Estimate } from '../../core/decision.ts'
import { amountsOf, type RateCard } from '../../core/rate-card.ts'
import type { Need } from './decide.ts'

/** Taken for what nobody bounded, of a model of which nobody knows how much it takes. */
const TOKENS_ASSUMED = 16_384n

/**
 * What a call may use at most. Where the caller leaves tokens open, it is as many as the model can take at all, and the
 * need is incomplete: a budget that states an estimate of its own goes by that then.
 */
export function needOfCall(card: RateCard, estimate: Estimate | undefined): Need {
  const most = card.contextTokens === null ? TOKENS_ASSUMED : BigInt(card.contextTokens)
  const { input_tokens, max_output_tokens, tool_calls = '0', model_calls = '1' } = estimate ?? {}
  const modelCalls = BigInt(model_calls)
  const usage = {
    inputTokens: input_tokens === undefined ? most * modelCalls : BigInt(input_tokens),
    outputTokens: max_output_tokens === undefined ? most * modelCalls : BigInt(max_output_tokens),
    toolCalls: BigInt(tool_calls),
    modelCalls,
  }
  const isComplete = input_tokens !== undefined && max_output_tokens !== undefined
  return { amounts: amountsOf(card, usage), isComplete }
}

/** Whether what is asked for is several model calls, which a hold outlasts one by one. */
export function isWork({ work = false, estimate }: CheckRequest): boolean {
  return work || Number(estimate?.model_calls ?? '1') > 1
}
