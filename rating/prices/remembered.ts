import { ByNames } from '../by-names.ts'
import type { CostQuestion, PriceOf, UsedPrice } from '../costs/cost.ts'
import { nameOf } from '../name.ts'
import { isValid, type Validity } from './validity.ts'

interface Answer {
  readonly price: UsedPrice | null
  readonly validity: Validity
}

/**
 * Answers as `ask` does, which is asked once for all calls of a model that have the same meter, tier and region, and
 * that its answer is good for. For a batch: what is remembered is as large as what the batch asks.
 */
export function remembered(ask: PriceOf, validityOf: (question: CostQuestion) => Validity | null): PriceOf {
  const models = new ByNames(() => new Map<string, Answer>())
  return (question) => {
    const { provider, model, requestModel, meter, serviceTier, region } = question
    const answers = models.of(provider, model, requestModel)
    const name = serviceTier === 'standard' && region === null ? meter : nameOf(meter, serviceTier, region)
    const known = answers.get(name)
    if (known && isValid(known.validity, question.at, question.inputTokens)) return known.price
    const price = ask(question)
    const validity = validityOf(question)
    if (validity) answers.set(name, { price, validity })
    return price
  }
}
