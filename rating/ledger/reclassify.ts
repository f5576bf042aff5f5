import { type Debit, type OpenGrant, type Posting, paysFor } from '../../core/credits.ts'
import { Decimal } from '../../core/money.ts'
import { burnOrder } from './burn-down.ts'

/** A debit of usage of an instant, microseconds since 1970, and the grant that it was taken from. */
export interface PlacedDebit extends Debit {
  readonly at: number
  readonly grant: OpenGrant
}

/** A debit, and the postings that have newer grants pay for some of it instead. They come to nothing for `usage`. */
export interface Reclassification<Placed extends PlacedDebit> {
  readonly debit: Placed
  readonly postings: readonly Posting[]
}

/**
 * Has newer grants pay for later usage: told before, it took credits that usage of an earlier period could have had too,
 * though there are newer ones of the same rule that only it can have. It gets those and gives back as much, which is what
 * both would have taken if they had been told in the order of their time. The latest usage goes first.
 *
 * @param grants what is open
 * @param debits those that newer grants may pay for
 * @param wanted credits, above zero
 * @param at of the usage that lacks it, microseconds since 1970; what is open is nothing to it
 * @returns in the order they are to be posted in; none where there is nothing to be had
 */
export function reclassify<Placed extends PlacedDebit>(
  grants: readonly OpenGrant[],
  debits: readonly Placed[],
  wanted: Decimal,
  at: number,
): readonly Reclassification<Placed>[] {
  const reclassified: Reclassification<Placed>[] = []
  const open = grants.map((grant) => ({ ...grant })).sort(burnOrder)
  const left = new Map(debits.map((debit) => [debit, debit.left]))
  const latest = debits.toSorted((a, b) => b.at - a.at || b.entryNo - a.entryNo)
  free(wanted, at, null)
  return reclassified

  /** @returns how much of what is good for an instant is free then that was not */
  function free(amount: Decimal, time: number, rule: string | null): readonly Posting[] {
    const freed: Posting[] = []
    let rest = amount
    for (const debit of latest) {
      if (!rest.greaterThan(0)) break
      const { source, entryNo, grant } = debit
      if (debit.at <= time || !paysFor(grant, time) || (rule !== null && grant.rule !== rule)) continue
      const most = Decimal.min(rest, left.get(debit)!)
      if (!most.greaterThan(0)) continue
      // What it may give back here is not to be had from it a second time.
      left.set(debit, left.get(debit)!.minus(most))
      const instead = take(most, debit.at, time, grant.rule)
      const missing = most.minus(sumOf(instead))
      if (missing.greaterThan(0)) instead.push(...free(missing, debit.at, grant.rule))
      const moved = sumOf(instead)
      left.set(debit, left.get(debit)!.plus(most).minus(moved))
      if (!moved.greaterThan(0)) continue
      rest = rest.minus(moved)
      const back: Posting = { source: 'usage', destination: source, amount: moved, reverses: entryNo }
      reclassified.push({ debit, postings: [back, ...instead] })
      freed.push({ source, destination: 'usage', amount: moved, reverses: null })
    }
    return freed
  }

  /** From open grants of a rule that are good for an instant, and not for the earlier one. */
  function take(amount: Decimal, time: number, earlier: number, rule: string | null): Posting[] {
    const postings: Posting[] = []
    let rest = amount
    for (const grant of open) {
      if (grant.rule !== rule || !paysFor(grant, time) || paysFor(grant, earlier)) continue
      for (const [field, source] of [
        ['remaining', `grant:${grant.grantId}`],
        ['broken', `breakage:${grant.grantId}`],
      ] as const) {
        const taken = Decimal.min(rest, grant[field])
        if (!taken.greaterThan(0)) continue
        rest = rest.minus(taken)
        grant[field] = grant[field].minus(taken)
        postings.push({ source, destination: 'usage', amount: taken, reverses: null })
      }
    }
    return postings
  }
}

function sumOf(postings: readonly Posting[]): Decimal {
  return postings.reduce((sum, { amount }) => sum.plus(amount), new Decimal(0))
}
