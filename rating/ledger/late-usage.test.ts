import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Debit, OpenGrant, Posting } from '../../core/credits.ts'
import { Decimal, ZERO } from '../../core/money.ts'
import { burnDown, expire } from './burn-down.ts'
import { type PlacedDebit, reclassify } from './reclassify.ts'
import { endedBy, rollOver, rolloverPostings } from './rollover.ts'

/** What a plan grants at the start of each period, and how much of it may go on into the next one. */
interface Given {
  readonly amount: number
  readonly max: number
}

/** Usage of a period, and the period in which it is told. */
interface Told {
  readonly period: number
  readonly credits: number
  readonly in: number
}

/** A period is ten instants long. */
const LENGTH = 10

/** The credits of one customer, gone through period by period as the ledger does. */
class Books {
  readonly grants = new Map<string, OpenGrant>()
  overage = ZERO
  readonly #debits: (Debit & { readonly at: number })[] = []

  constructor(given: readonly Given[], told: readonly Told[]) {
    for (const [period, rule] of given.entries()) {
      this.#turn(period, rule)
      for (const each of told) if (each.in === period) this.#use(each)
    }
  }

  /** What lies where: credits of a start that end at an instant, held or expired. */
  held(): Record<string, string> {
    const sums = new Map<string, Decimal>()
    for (const { effectiveAt, expiresAt, remaining, broken } of this.grants.values()) {
      const add = (kind: string, amount: Decimal) => {
        const name = `${kind} ${effectiveAt}–${expiresAt}`
        if (!amount.isZero()) sums.set(name, amount.plus(sums.get(name) ?? ZERO))
      }
      add('held', remaining)
      add('expired', broken)
    }
    return Object.fromEntries([...sums].sort().map(([name, amount]) => [name, amount.toFixed()]))
  }

  #turn(period: number, { amount, max }: Given): void {
    const at = period * LENGTH
    const ended = endedBy([...this.grants.values()], 'monthly', at)
    const rolled = rollOver(ended, { max: String(max) }, ZERO, at - LENGTH)
    this.#post(
      rolloverPostings(rolled.map((each) => ({ ...each, grantId: this.#open(each.effectiveAt, at) }))),
    )
    if (amount > 0) {
      const grantId = this.#open(at, at)
      this.#post([
        { source: 'issued', destination: `grant:${grantId}`, amount: new Decimal(amount), reverses: null },
      ])
    }
    for (const grant of [...this.grants.values()]) {
      const posting = expire(grant, at)
      if (posting !== null) this.#post([posting])
    }
  }

  #use({ period, credits }: Told): void {
    const time = period * LENGTH + 5
    const amount = new Decimal(credits)
    for (let rounds = 0; rounds < 30; rounds++) {
      const lacking = overageOf(burnDown(this.#all(), amount, time))
      const reclassified = lacking.isZero() ? [] : reclassify(this.#all(), this.#placed(), lacking, time)
      if (reclassified.length === 0) break
      for (const { debit, postings } of reclassified) this.#post(postings, debit.at)
    }
    const postings = burnDown(this.#all(), amount, time)
    this.#post(postings, time)
    if (overageOf(postings).isZero()) return
    // Whatever came through its period is used up before anything is owed.
    for (const { effectiveAt, expiresAt, remaining, broken } of this.grants.values()) {
      if (effectiveAt! <= time && time < expiresAt!) expect(remaining.plus(broken).toFixed()).toBe('0')
    }
  }

  #all(): readonly OpenGrant[] {
    return [...this.grants.values()]
  }

  #placed(): readonly PlacedDebit[] {
    return this.#debits.flatMap(({ at, ...debit }) => {
      const grant = this.grants.get(debit.source.split(':')[1] ?? '')
      return grant && debit.left.greaterThan(0) ? [{ ...debit, at, grant }] : []
    })
  }

  #open(effectiveAt: number, at: number): string {
    const grantId = String(this.grants.size + 1)
    this.grants.set(grantId, {
      grantId,
      kind: 'promo',
      priority: 50,
      effectiveAt,
      expiresAt: at + LENGTH,
      recordedAt: at,
      rule: 'monthly',
      isVoid: false,
      remaining: ZERO,
      broken: ZERO,
    })
    return grantId
  }

  #post(postings: readonly Posting[], at = 0): void {
    for (const { source, destination, amount, reverses } of postings) {
      if (destination === 'usage')
        this.#debits.push({ entryNo: this.#debits.length, source, left: amount, at })
      if (reverses !== null) {
        const debit = this.#debits[reverses]!
        expect([debit.source, debit.left.lessThan(amount)]).toEqual([destination, false])
        this.#debits[reverses] = { ...debit, left: debit.left.minus(amount) }
      }
      this.#move(source, amount.neg())
      this.#move(destination, amount)
    }
  }

  #move(account: string, change: Decimal): void {
    if (account === 'overage') this.overage = this.overage.minus(change)
    const [kind, id] = account.split(':')
    const grant = this.grants.get(id ?? '')
    if (!grant) return
    const field = kind === 'grant' ? 'remaining' : 'broken'
    const left = grant[field].plus(change)
    expect(left.isNegative()).toBe(false)
    this.grants.set(grant.grantId, { ...grant, [field]: left })
  }
}

const MONTHLY = Array.from({ length: 3 }, (): Given => ({ amount: 1000, max: 500 }))

describe('usage of two periods back', () => {
  test('of 700 is paid though what was left went on twice: 500 expired, the rest went on', () => {
    const books = new Books(MONTHLY, [{ period: 0, credits: 700, in: 2 }])
    expect(books.overage.toFixed()).toBe('0')
    expect(books.held()).toEqual(new Books(MONTHLY, [{ period: 0, credits: 700, in: 0 }]).held())
  })

  test('is paid by what is left of its own though later usage took what went on, which gets the newer', () => {
    const books = new Books(MONTHLY, [
      { period: 1, credits: 500, in: 1 },
      { period: 0, credits: 700, in: 1 },
    ])
    expect(books.overage.toFixed()).toBe('0')
  })

  test('may have all that was granted, and no more', () => {
    const used = (credits: number) => new Books(MONTHLY, [{ period: 0, credits, in: 2 }]).overage.toFixed()
    expect([used(1000), used(1001)]).toEqual(['0', '1'])
  })
})

const WORLD = fc
  .record({
    given: fc.array(
      fc.record({ amount: fc.integer({ min: 0, max: 12 }), max: fc.integer({ min: 0, max: 20 }) }),
      {
        minLength: 2,
        maxLength: 7,
      },
    ),
    used: fc.array(
      fc.record({
        place: fc.nat(),
        credits: fc.integer({ min: 1, max: 15 }),
        late: fc.integer({ min: 0, max: 7 }),
      }),
      { maxLength: 10 },
    ),
  })
  .map(({ given, used }) => {
    const last = given.length - 1
    const told = used.map(({ place, credits, late }): Told => {
      const period = place % given.length
      return { period, credits, in: Math.min(last, period + late) }
    })
    return { given, told, onTime: told.map((each) => ({ ...each, in: each.period })) }
  })

describe('whatever a plan grants and carries over', () => {
  test('usage told in any order, however late, takes what it takes when it is told on time', () => {
    fc.assert(
      fc.property(WORLD, ({ given, told, onTime }) => {
        const books = new Books(given, told)
        const wanted = new Books(given, onTime)
        expect(books.held()).toEqual(wanted.held())
        expect(books.overage).toEqual(wanted.overage)
      }),
      { numRuns: 500 },
    )
  })
})

function overageOf(postings: readonly Posting[]): Decimal {
  return postings.find(({ source }) => source === 'overage')?.amount ?? ZERO
}
