import type { AssemblyDocument } from '../../core/assembly-document.ts'
import type { UsageTotals } from '../../core/event.ts'
import type { TokenBuckets } from '../../core/usage.ts'

type CountedCall = AssemblyDocument['calls'][number]

/**
 * The additive numbers of a stored assembly, counted one by one. The cut has its own way of counting; this one shares
 * nothing with it, so that an error there is not made twice.
 */
export function countsOf({ calls, tools, reasoningSteps }: AssemblyDocument): UsageTotals {
  const sum = (bucket: keyof TokenBuckets, of: (call: CountedCall) => boolean = () => true) =>
    calls.reduce((total, call) => total + (of(call) ? call.buckets[bucket] : 0), 0)
  const input = ['inputUncached', 'cacheRead', 'cacheWrite', 'cacheWrite1h'] as const
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
