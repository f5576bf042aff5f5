import { expect, test } from 'vitest'
import type { Debit, OpenGrant, Posting } from '../../core/credits.ts'
import { Decimal, ZERO } from '../../core/money.ts'
import type { Plan, Rollover } from '../../core/plan.ts'
import { burnDown, expire, unwind } from '../../rating/ledger/burn-down.ts'
import { rollOver, rolloverPostings } from '../../rating/ledger/rollover.ts'
import { parsePlan } from '../../rating/plans/plan.ts'
import { quote } from '../../rating/plans/quote.ts'
import cases from '../oracles/credits.json' with { type: 'json' }

/**
 * What other systems of billing answer by their own tests, put as grants and what happens to them. A hold that is
 * settled is used whole, and what it was too much comes back: of holds, only what they do to a ledger.
 */
interface Oracle {
  readonly id: string
  readonly grants: Readonly<
    Record<string, { readonly amount: string; readonly priority?: number; readonly expires?: number }>
  >
  readonly steps: readonly {
    readonly use?: string
    readonly give_back?: string
    readonly void?: string
    readonly roll_over?: Rollover
  }[]
  /** Where the first use is what a plan charges. */
  readonly charged?: { readonly plan: Plan; readonly usage: Readonly<Record<string, string>> }
  readonly balances: Readonly<Record<string, string>>
  readonly overage: string
}

test.each(cases as unknown as readonly Oracle[])('$id', ({ grants, steps, charged, balances, overage }) => {
  if (charged) {
    const usage = Object.fromEntries(
      Object.entries(charged.usage).map(([meter, quantity]) => [meter, new Decimal(quantity)]),
    )
    const { price } = quote({ plan: parsePlan(charged.plan), usage, of: {}, before: null })
    expect(price.toFixed()).toBe(steps[0]?.use)
  }
  const books = new Books(grants)
  for (const step of steps) books.take(step)
  expect(books.balances()).toEqual(balances)
  expect(books.overage.toFixed()).toBe(overage)
})

/** Grants, and the postings that move them. */
class Books {
  readonly #grants = new Map<string, OpenGrant>()
  readonly #debits: Debit[] = []
  readonly #names = new Map<string, string>()
  overage = ZERO

  constructor(grants: Oracle['grants']) {
    for (const [name, { amount, priority = 50, expires = null }] of Object.entries(grants)) {
      this.#open(name, new Decimal(amount), priority, expires)
    }
  }

  take({ use, give_back: back, void: gone, roll_over: rollover }: Oracle['steps'][number]): void {
    const all = () => [...this.#grants.values()]
    if (use !== undefined) this.#post(burnDown(all(), new Decimal(use), 0))
    if (back !== undefined) this.#post(unwind(this.#debits, new Decimal(back)))
    if (gone !== undefined) {
      const [id, grant] = [...this.#grants].find(([each]) => this.#names.get(each) === gone)!
      this.#grants.set(id, { ...grant, isVoid: true })
      const taken = expire(this.#grants.get(id)!, 0)
      if (taken) this.#post([taken])
    }
    if (rollover !== undefined) {
      const ended = all()
      const rolled = rollOver(ended, rollover, this.overage, 0)
      this.#post(
        rolloverPostings(rolled.map((each) => ({ ...each, grantId: this.#open('rolled', ZERO, 50, null) }))),
      )
    }
  }

  balances(): Record<string, string> {
    return Object.fromEntries(
      [...this.#grants].map(([id, { remaining }]) => [this.#names.get(id)!, remaining.toFixed()]),
    )
  }

  #open(name: string, remaining: Decimal, priority: number, expiresAt: number | null): string {
    const grantId = String(this.#grants.size + 1)
    const about = {
      kind: 'paid',
      priority,
      effectiveAt: null,
      recordedAt: 0,
      rule: null,
      isVoid: false,
    } as const
    this.#grants.set(grantId, { ...about, grantId, expiresAt, remaining, broken: ZERO })
    this.#names.set(grantId, name)
    return grantId
  }

  #post(postings: readonly Posting[]): void {
    for (const { source, destination, amount, reverses } of postings) {
      this.#move(source, amount.neg())
      this.#move(destination, amount)
      if (destination === 'usage') this.#debits.push({ entryNo: this.#debits.length, source, left: amount })
      if (reverses !== null && source === 'usage') {
        const debit = this.#debits[reverses]!
        this.#debits[reverses] = { ...debit, left: debit.left.minus(amount) }
      }
    }
  }

  #move(account: string, change: Decimal): void {
    if (account === 'overage') this.overage = this.overage.minus(change)
    const [kind, id] = account.split(':')
    const grant = kind === 'grant' ? this.#grants.get(id!) : undefined
    if (grant) this.#grants.set(grant.grantId, { ...grant, remaining: grant.remaining.plus(change) })
  }
}
