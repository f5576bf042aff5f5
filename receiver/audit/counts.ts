import type { UsageTotals } from '../../core/event.ts'

interface CountedCall {
  readonly kind: string
  readonly metered: boolean
  readonly buckets: Readonly<Record<string, number>>
}

/** What of a stored assembly is counted; as the column has it, nothing of it is believed. */
export interface CountedDocument {
  readonly calls: readonly CountedCall[]
  readonly tools: readonly unknown[]
  readonly reasoningSteps: number
}

/**
 * The additive numbers of a stored assembly, counted one by one. The cut has its own way of counting; this one shares
 * nothing with it, so that an error there is not made twice.
 */
export function countsOf({ calls, tools, reasoningSteps }: CountedDocument): UsageTotals {
  const sum = (bucket: string, of: (call: CountedCall) => boolean = () => true) =>
    calls.reduce((total, call) => total + (of(call) ? (call.buckets[bucket] ?? 0) : 0), 0)
  const input = ['inputUncached', 'cacheRead', 'cacheWrite', 'cacheWrite1h']
  const embeds = ({ kind }: CountedCall) => kind === 'embedding'
  const chats = (call: CountedCall) => !embeds(call)
  return {
    modelCalls: calls.length,
    unmeteredCalls: calls.filter(({ metered }) => metered === false).length,
    toolCalls: tools.length,
    reasoningSteps,
    inputTokens: input.reduce((total, bucket) => total + sum(bucket, chats), 0),
    cacheReadTokens: sum('cacheRead', chats),
    cacheWriteTokens: sum('cacheWrite', chats) + sum('cacheWrite1h', chats),
    outputTokens: sum('outputText') + sum('outputReasoning'),
    reasoningTokens: sum('outputReasoning'),
    embeddingTokens: input.reduce((total, bucket) => total + sum(bucket, embeds), 0),
  }
}
