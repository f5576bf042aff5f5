import { type Assembly, isBilledElsewhere } from '../../core/assembly.ts'
import type { Part } from '../../core/event.ts'
import { Decimal } from '../../core/money.ts'
import type { Meter } from '../../core/plan.ts'
import { inputTokens } from '../../core/usage.ts'
import { ByNames } from '../by-names.ts'
import type { CostLine } from '../costs/cost.ts'

/** What can be charged, cut so that nothing is in two of them. */
export type Base =
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

/** What is counted per model, in the order it is told. */
const COUNTED = [
  'uncached_input',
  'cache_read',
  'cache_write',
  'output_text',
  'reasoning',
  'embedding',
  'step',
  'model_call',
] as const satisfies readonly Base[]

type Counts = Record<(typeof COUNTED)[number], number>

/**
 * All chargeable quantities of an event, each once per provider, model and tool, in a fixed order. Cost that is not
 * known is not charged; it is when it becomes known.
 */
export function chargeables(
  assembly: Assembly,
  costs: readonly CostLine[],
  inCurrency: InCurrency = (amount) => amount,
): readonly Chargeable[] {
  const counts = new UsageCounts()
  counts.add(assembly)
  const found = counts.chargeables()
  for (const { provider, model, tool, part, amount } of costs) {
    const quantity = amount && !amount.isZero() ? inCurrency(amount) : null
    if (!quantity || quantity.isZero()) continue
    found.push({ base: 'cost', provider, model, tool, quantity, costPart: part })
  }
  return found
}

/** A cost in USD in the plan's currency; null where nobody has said what that is worth. */
export type InCurrency = (amount: Decimal) => Decimal | null

/** What one assembly or several have used. Counts are added up as whole numbers and become decimals once. */
export class UsageCounts {
  readonly #models = new ByNames<Counts>(() => ({ ...NOTHING }))
  readonly #tools = new ByNames<{ calls: number }>(() => ({ calls: 0 }))
  #nanos = 0n
  #traces = 0

  /** Models and tools that are told apart. */
  get size(): number {
    return this.#models.entries.length + this.#tools.entries.length
  }

  add(assembly: Assembly): void {
    let steps = 0
    for (const { kind, provider, model, buckets, reasoningSteps } of assembly.calls) {
      const counts = this.#models.of(provider, model, null)
      counts.model_call += 1
      counts.step += reasoningSteps
      steps += reasoningSteps
      if (kind === 'embedding') {
        counts.embedding += inputTokens(buckets)
      } else {
        counts.uncached_input += buckets.inputUncached
        counts.cache_read += buckets.cacheRead
        counts.cache_write += buckets.cacheWrite + buckets.cacheWrite1h
      }
      counts.output_text += buckets.outputText
      counts.reasoning += buckets.outputReasoning
    }
    // Steps of `plan` spans belong to no model.
    if (assembly.reasoningSteps !== steps) {
      this.#models.of(null, null, null).step += assembly.reasoningSteps - steps
    }
    for (const { name } of assembly.tools) this.#tools.of(null, null, name).calls += 1
    if (isBilledElsewhere(assembly)) return
    this.#nanos += nanosOf(assembly)
    this.#traces += assembly.joined?.counted ?? 1
  }

  /** @throws Error where a count has left the whole numbers that are exact */
  chargeables(): Chargeable[] {
    const found: Chargeable[] = []
    for (const { names, value: counts } of this.#models.entries) {
      const [provider, model] = names
      for (const base of COUNTED) {
        if (counts[base] === 0) continue
        if (!Number.isSafeInteger(counts[base])) throw new Error(`${base} of ${model} is beyond 2^53`)
        found.push({ base, provider, model, tool: null, quantity: new Decimal(counts[base]), costPart: null })
      }
    }
    const whole = { provider: null, model: null, tool: null, costPart: null }
    for (const { names, value } of this.#tools.entries) {
      found.push({ ...whole, base: 'tool_call', tool: names[2], quantity: new Decimal(value.calls) })
    }
    if (this.#nanos > 0n) {
      const quantity = new Decimal(String(this.#nanos)).div(NANOS_PER_SECOND)
      found.push({ ...whole, base: 'second', quantity })
    }
    if (this.#traces > 0) found.push({ ...whole, base: 'trace', quantity: new Decimal(this.#traces) })
    return found
  }
}

const NOTHING: Counts = {
  uncached_input: 0,
  cache_read: 0,
  cache_write: 0,
  output_text: 0,
  reasoning: 0,
  embedding: 0,
  step: 0,
  model_call: 0,
}

/** Duration of a trace, of a session the time in which a trace ran; zero where times are not believed. */
function nanosOf({ joined, anomalies, startNano, endNano }: Assembly): bigint {
  if (joined) return joined.runningNano > 0n ? joined.runningNano : 0n
  const doubted = anomalies.some(({ kind }) => kind === 'bad_time')
  return doubted || endNano <= startNano ? 0n : endNano - startNano
}
