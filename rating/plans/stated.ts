import { AforoError, type FieldFault } from '../../core/errors.ts'
import { type Decimal, ZERO } from '../../core/money.ts'
import type { Meter, MeterFilter } from '../../core/plan.ts'
import type { QuoteRequest } from '../../core/quote.ts'
import type { Chargeable } from './quantities.ts'

/** A stated quantity, cut as the quantities of an event are. */
export interface StatedQuantity {
  readonly chargeable: Chargeable
  /** The meter that counts this and nothing else. */
  readonly meter: Meter
  /** Fields that such a quantity has on an event and that are not stated here. */
  readonly unstated: readonly (keyof MeterFilter)[]
}

type Base = Chargeable['base']

/** What each stated meter means, and which fields such a quantity has on an event. */
const STATED: readonly (readonly [Meter, Base, readonly ('provider' | 'model' | 'tool')[]])[] = [
  ['uncached_input_tokens', 'uncached_input', ['provider', 'model']],
  ['cache_read_tokens', 'cache_read', ['provider', 'model']],
  ['cache_write_tokens', 'cache_write', ['provider', 'model']],
  ['output_tokens', 'output_text', ['provider', 'model']],
  ['reasoning_tokens', 'reasoning', ['provider', 'model']],
  ['embedding_tokens', 'embedding', ['provider', 'model']],
  ['reasoning_steps', 'step', ['provider', 'model']],
  ['model_calls', 'model_call', ['provider', 'model']],
  ['tool_calls', 'tool_call', ['tool']],
  ['session_seconds', 'second', []],
  ['traces', 'trace', []],
  ['cogs', 'cost', ['provider', 'model', 'tool']],
]

/**
 * Cuts stated usage so that nothing is in two of the quantities: input tokens less what is said of the cache, output
 * tokens less reasoning.
 *
 * @throws AforoError `invalid_argument` where the parts are more than the whole, or input is stated twice
 */
export function statedQuantities({ usage, of }: QuoteRequest): readonly StatedQuantity[] {
  const disjoint = new Map<Meter, Decimal>(Object.entries(usage) as [Meter, Decimal][])
  const faults = [
    takeParts(disjoint, 'input_tokens', ['cache_read_tokens', 'cache_write_tokens']),
    takeParts(disjoint, 'output_tokens', ['reasoning_tokens']),
  ].flat()
  const input = disjoint.get('input_tokens')
  if (input && disjoint.has('uncached_input_tokens')) {
    faults.push({
      path: '/usage/uncached_input_tokens',
      message: 'is part of input_tokens: give one of them',
    })
  }
  if (faults.length > 0) {
    const told = faults.map(({ path, message }) => `${path} ${message}`).join('; ')
    throw new AforoError('invalid_argument', told, { faults })
  }
  if (input) disjoint.set('uncached_input_tokens', input)
  return STATED.flatMap(([meter, base, fields]) => {
    const quantity = disjoint.get(meter)
    if (!quantity) return []
    const own = {
      provider: null,
      model: null,
      tool: null,
      costPart: base === 'cost' ? ('other' as const) : null,
    }
    const stated = Object.fromEntries(fields.map((field) => [field, of[field] ?? null]))
    const unstated = ([...fields, 'agent', 'product'] as const).filter((field) => of[field] === undefined)
    return [{ chargeable: { base, ...own, ...stated, quantity }, meter, unstated }]
  })
}

function takeParts(usage: Map<Meter, Decimal>, whole: Meter, parts: readonly Meter[]): FieldFault[] {
  const stated = usage.get(whole)
  if (!stated) return []
  const rest = parts.reduce((sum, part) => sum.minus(usage.get(part) ?? ZERO), stated)
  if (!rest.isZero() && rest.isNegative() !== stated.isNegative()) {
    return [{ path: `/usage/${whole}`, message: `includes ${parts.join(' and ')}, which are more` }]
  }
  usage.set(whole, rest)
  return []
}
