import type { Assembly } from '../../core/assembly.ts'
import type { Actual } from '../../core/lease.ts'
import type { HoldUse } from '../../core/open-trace.ts'
import { inputTokens, outputTokens, type Usage } from '../../core/usage.ts'

/**
 * What a trace tells of the holds that its spans name, sorted by id: the calls and tools that were made under each. A
 * call that several spans tell of is that hold's which the innermost of them names.
 * @param assembly of this trace alone: a call that is billed with another trace was made under the hold all the same
 */
export function holdsOf(usages: readonly Usage[], { calls, tools }: Assembly): readonly HoldUse[] {
  const holdOf = new Map<string, string>()
  for (const { spanId, holdId } of usages) if (holdId !== null) holdOf.set(spanId, holdId)
  if (holdOf.size === 0) return []
  const used = new Map([...new Set(holdOf.values())].sort().map((holdId) => [holdId, new Use()]))
  for (const call of calls) {
    const span = call.spanIds.find((spanId) => holdOf.has(spanId))
    if (span === undefined) continue
    const use = used.get(holdOf.get(span)!)!
    use.calls += 1n
    use.input += BigInt(inputTokens(call.buckets))
    use.output += BigInt(outputTokens(call.buckets))
    use.steps += BigInt(call.reasoningSteps)
  }
  for (const { spanId } of tools) {
    const holdId = holdOf.get(spanId)
    if (holdId !== undefined) used.get(holdId)!.tools += 1n
  }
  return [...used].map(([holdId, use]) => ({ holdId, actual: use.actual }))
}

class Use {
  calls = 0n
  input = 0n
  output = 0n
  steps = 0n
  tools = 0n

  get actual(): Actual | null {
    if (this.calls === 0n && this.tools === 0n) return null
    return {
      input_tokens: `${this.input}`,
      output_tokens: `${this.output}`,
      tool_calls: `${this.tools}`,
      model_calls: `${this.calls}`,
      reasoning_steps: `${this.steps}`,
    }
  }
}
