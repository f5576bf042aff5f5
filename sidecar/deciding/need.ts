import type { CheckRequest, Estimate } from '../../core/decision.ts'
import { amountsOnDemand, type RateCard } from '../../core/rate-card.ts'
import type { Need } from './decide.ts'

/** Taken for what nobody bounded, of a model of which nobody knows how much it takes. */
const TOKENS_ASSUMED = 16_384n

/**
 * What a call may use at most. Where the caller leaves tokens open, it is as many as the model can take at all, and the
 * need is incomplete: a budget that states an estimate of its own goes by that then.
 */
export function needOfCall(card: RateCard, estimate: Estimate | undefined): Need {
  const { input_tokens, max_output_tokens, tool_calls, model_calls } = estimate ?? {}
  const modelCalls = model_calls === undefined ? 1n : BigInt(model_calls)
  const isComplete = input_tokens !== undefined && max_output_tokens !== undefined
  const most = isComplete ? 0n : mostOf(card) * modelCalls
  const usage = {
    inputTokens: input_tokens === undefined ? most : BigInt(input_tokens),
    outputTokens: max_output_tokens === undefined ? most : BigInt(max_output_tokens),
    toolCalls: tool_calls === undefined ? 0n : BigInt(tool_calls),
    modelCalls,
  }
  return { amounts: amountsOnDemand(card, usage), isComplete }
}

function mostOf({ contextTokens }: RateCard): bigint {
  return contextTokens === null ? TOKENS_ASSUMED : BigInt(contextTokens)
}

/** Whether what is asked for is several model calls, which a hold outlasts one by one. */
export function isWork({ work = false, estimate }: CheckRequest): boolean {
  return work || Number(estimate?.model_calls ?? '1') > 1
}
