import type { BudgetUnit } from './budget.ts'
import { SCALED_ONE, type Scaled, scaled } from './scaled.ts'

/** What a model call may cost at worst, as a straight line: what was estimated, times this. Decimal text. */
export interface Rates {
  /** Of the call itself, whatever it uses. */
  readonly call: string
  /** Of a token of input, of output, and of a call of a tool. */
  readonly input: string
  readonly output: string
  readonly tool: string
}

/** The dearest a call can be for a customer, product, agent and model. Null: there is no price to tell by. */
export interface RateCard {
  readonly price: Rates | null
  readonly cogs: Rates | null
  readonly credits: Rates | null
  /** Tokens the model can take and give at most; null where the catalogue does not say. */
  readonly contextTokens: number | null
}

/** What is known of a customer without a plan and a model without a price. */
export const NO_RATES: RateCard = { price: null, cogs: null, credits: null, contextTokens: null }

/** What a call uses, or may use at most. */
export interface CallUsage {
  readonly inputTokens: bigint
  readonly outputTokens: bigint
  readonly toolCalls: bigint
  /** Default 1. */
  readonly modelCalls?: bigint
}

/** Amounts by unit; null: there is no price. A margin floor holds nothing. */
export type Amounts = Readonly<Record<Exclude<BudgetUnit, 'margin_pct'>, Scaled | null>>

/** What a usage comes to in every unit, at the card's rates. */
export function amountsOf(card: RateCard, usage: CallUsage): Amounts {
  const { price, cogs, credits, tokens, model_calls, tool_calls, reasoning_steps } = amountsOnDemand(
    card,
    usage,
  )
  return { price, cogs, credits, tokens, model_calls, tool_calls, reasoning_steps }
}

/** The same, each worked out when it is asked for: a check looks at the units of a few budgets. */
export function amountsOnDemand(card: RateCard, usage: CallUsage): Amounts {
  return new AmountsOnDemand(card, usage)
}

class AmountsOnDemand implements Amounts {
  readonly #card: RateCard
  readonly #usage: CallUsage

  constructor(card: RateCard, usage: CallUsage) {
    this.#card = card
    this.#usage = usage
  }

  get price(): Scaled | null {
    return priced(this.#card.price, this.#usage)
  }

  get cogs(): Scaled | null {
    return priced(this.#card.cogs, this.#usage)
  }

  get credits(): Scaled | null {
    return priced(this.#card.credits, this.#usage)
  }

  get tokens(): Scaled {
    return (this.#usage.inputTokens + this.#usage.outputTokens) * SCALED_ONE
  }

  get model_calls(): Scaled {
    return (this.#usage.modelCalls ?? 1n) * SCALED_ONE
  }

  get tool_calls(): Scaled {
    return this.#usage.toolCalls * SCALED_ONE
  }

  /** A model call has one, as most have. */
  get reasoning_steps(): Scaled {
    return this.model_calls
  }
}

function priced(rates: Rates | null, usage: CallUsage): Scaled | null {
  if (rates === null) return null
  const { call, input, output, tool } = compiled(rates)
  const tokens = usage.inputTokens * input + usage.outputTokens * output
  // Most calls call no tool, and most cards price no call by itself.
  const tools = usage.toolCalls === 0n ? tokens : tokens + usage.toolCalls * tool
  return call === 0n ? tools : tools + (usage.modelCalls ?? 1n) * call
}

type CompiledRates = Readonly<Record<keyof Rates, Scaled>>

/** A card is asked again and again. */
const known = new WeakMap<Rates, CompiledRates>()

function compiled(rates: Rates): CompiledRates {
  let found = known.get(rates)
  if (!found) {
    found = {
      call: scaled(rates.call),
      input: scaled(rates.input),
      output: scaled(rates.output),
      tool: scaled(rates.tool),
    }
    known.set(rates, found)
  }
  return found
}
