import type { Spender } from '../../core/budget.ts'
import type { HoldEnd, HoldRecord } from '../../core/lease.ts'
import type { RateCard } from '../../core/rate-card.ts'
import { type Scaled, scaledText } from '../../core/scaled.ts'
import type { Need } from '../deciding/decide.ts'
import type { Counter } from '../view/counter.ts'

/** Who holds, of what, for how long. */
export interface HoldOrder {
  readonly holdId: string
  readonly spender: Spender
  readonly model: string | null
  readonly card: RateCard
  readonly isWork?: boolean
  readonly need: Need
  readonly counters: readonly Counter[]
  readonly expiresAt: number
}

/** What a call was admitted with, until the centre knows. */
export interface OpenHold {
  readonly holdId: string
  readonly spender: Spender
  readonly model: string | null
  readonly heldBy: 'price' | 'estimate'
  readonly card: RateCard
  readonly isWork: boolean
  readonly takes: readonly OpenTake[]
  /** Of our monotonic clock, milliseconds. */
  readonly expiresAt: number
  end: HoldEnd | null
}

export interface OpenTake {
  readonly counter: Counter
  readonly leaseId: string | null
  readonly amount: Scaled
}

/** Holds as the centre is told of them, with what is left of their time. */
export function recordsOf(holds: readonly OpenHold[], now: number): HoldRecord[] {
  const textOf = rememberingTexts()
  return holds.map((hold): HoldRecord => {
    const takes = hold.takes.map(({ counter, leaseId, amount }) => ({
      counter: counter.key,
      leaseId,
      amount: textOf(amount),
    }))
    const { holdId, spender, model, heldBy, card, end } = hold
    const work = hold.isWork ? { isWork: true } : {}
    return {
      holdId,
      spender,
      model,
      heldBy,
      card,
      ...work,
      end,
      takes,
      msLeft: Math.ceil(hold.expiresAt - now),
    }
  })
}

/** Amounts as text; calls of one kind hold the same, over and over. */
function rememberingTexts(): (amount: Scaled) => string {
  const texts = new Map<Scaled, string>()
  return (amount) => {
    let text = texts.get(amount)
    if (text === undefined) {
      text = scaledText(amount)
      texts.set(amount, text)
    }
    return text
  }
}
