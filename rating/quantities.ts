import type { Assembly } from '../core/assembly.ts'
import type { Part } from '../core/event.ts'
import { Decimal } from '../core/money.ts'
import type { Meter } from '../core/plan.ts'
import { inputTokens } from '../core/usage.ts'
import type { CostLine } from './cost.ts'

/** What can be charged, cut so that nothing is in two of them. */
type Base =
  | 'uncached_input'
  | 'cache_read'
  | 'cache_write'
  | 'output_text'
  | 'reasoning'
  | 'embedding'
  | 'step'
  | 'tool_call'
  | 'model_call'
  | 'second'
  | 'trace'
  | 'cost'

/** One chargeable quantity of an event. */
export interface Chargeable {
  readonly base: Base
  readonly provider: string | null
  readonly model: string | null
  readonly tool: string | null
  readonly quantity: Decimal
  /** For cost: the part of the cost line. */
  readonly costPart: Part | null
}

/** Which quantities a meter counts, and the part of the stack its price belongs to. */
export const METER_BASES: Readonly<Record<Meter, { readonly bases: readonly Base[]; readonly part: Part }>> =
  {
    input_tokens: { bases: ['uncached_input', 'cache_read', 'cache_write'], part: 'prompt' },
    uncached_input_tokens: { bases: ['uncached_input'], part: 'prompt' },
    cache_read_tokens: { bases: ['cache_read'], part: 'prompt' },
    cache_write_tokens: { bases: ['cache_write'], part: 'prompt' },
    embedding_tokens: { bases: ['embedding'], part: 'prompt' },
    output_tokens: { bases: ['output_text', 'reasoning'], part: 'output' },
    reasoning_tokens: { bases: ['reasoning'], part: 'reasoning' },
    reasoning_steps: { bases: ['step'], part: 'reasoning' },
    tool_calls: { bases: ['tool_call'], part: 'tools' },
    model_calls: { bases: ['model_call'], part: 'other' },
    session_seconds: { bases: ['second'], part: 'other' },
    traces: { bases: ['trace'], part: 'other' },
    cogs: { bases: ['cost'], part: 'other' },
  }

const NANOS_PER_SECOND = 1_000_000_000

/**
 * All chargeable quantities of an event, each once per provider, model and tool, in a fixed order. Cost that is not
 * known is not charged; it is when it becomes known.
 */
export function chargeables(assembly: Assembly, costs: readonly CostLine[]): readonly Chargeable[] {
  const found = new Map<string, Chargeable>()
  const add = (base: Base, of: Partial<Chargeable>, quantity: Decimal | number) => {
    const { provider = null, model = null, tool = null, costPart = null } = of
    const name = JSON.stringify([base, provider, model, tool, costPart])
    const more = found.get(name)?.quantity.plus(quantity) ?? new Decimal(quantity)
    if (!more.isZero()) found.set(name, { base, provider, model, tool, costPart, quantity: more })
  }
  let steps = 0
  for (const call of assembly.calls) {
    const { buckets } = call
    steps += call.reasoningSteps
    add('model_call', call, 1)
    add('step', call, call.reasoningSteps)
    if (call.kind === 'embedding') {
      add('embedding', call, inputTokens(buckets))
    } else {
      add('uncached_input', call, buckets.inputUncached)
      add('cache_read', call, buckets.cacheRead)
      add('cache_write', call, buckets.cacheWrite + buckets.cacheWrite1h)
    }
    add('output_text', call, buckets.outputText)
    add('reasoning', call, buckets.outputReasoning)
  }
  // Steps of `plan` spans belong to no model.
  add('step', {}, assembly.reasoningSteps - steps)
  for (const tool of assembly.tools) add('tool_call', { tool: tool.name }, 1)
  add('second', {}, secondsOf(assembly))
  add('trace', {}, 1)
  for (const line of costs) if (line.amount) add('cost', { ...line, costPart: line.part }, line.amount)
  return [...found.keys()].sort().map((name) => found.get(name)!)
}

/** Duration of a trace in seconds; zero where its times are not believed. */
function secondsOf(assembly: Assembly): Decimal {
  const nanos = assembly.endNano - assembly.startNano
  const doubted = assembly.anomalies.some((anomaly) => anomaly.kind === 'bad_time')
  return doubted || nanos <= 0n ? new Decimal(0) : new Decimal(String(nanos)).div(NANOS_PER_SECOND)
}
