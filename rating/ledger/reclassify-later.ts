import type { CreditHappening, OpenGrant } from '../../core/credits.ts'
import { type Decimal, ZERO } from '../../core/money.ts'
import type { Wallet } from '../../schema/ledger/wallet.ts'
import { burnDown } from './burn-down.ts'
import type { LaterDebit, LaterDebits } from './later-debits.ts'
import { reclassify } from './reclassify.ts'

/** What one round frees may be freed for another debit in turn: so often that is looked for. A chain is of periods. */
export const ROUNDS_MAX = 24

/**
 * Where usage would be overage, has newer grants pay for usage of later periods that was told before, in a wallet that is
 * locked. What they free lies in its grants then, to be burned.
 *
 * @param at of the usage, microseconds since 1970
 */
export async function reclassifyLater(
  laterOf: LaterDebits,
  wallet: Wallet,
  amount: Decimal,
  at: number,
  now: Date,
): Promise<void> {
  const lacking = () =>
    burnDown(wallet.grants(), amount, at).find(({ source }) => source === 'overage')?.amount ?? ZERO
  // Mostly it is on time, and nothing newer is there that others could have instead.
  if (!wallet.grants().some((grant) => isNewer(grant, at)) || lacking().isZero()) return
  const written = await laterOf(wallet)
  for (let rounds = 0; rounds < ROUNDS_MAX; rounds++) {
    const wanted = lacking()
    if (wanted.isZero()) return
    const reclassified = reclassify(wallet.grants(), leftOf(wallet, written), wanted, at)
    if (reclassified.length === 0) return
    for (const { debit, postings } of reclassified) {
      const happening: CreditHappening = {
        kind: 'reclassification',
        idempotencyKey: `reclassification:${debit.entryNo}:${wallet.entries}`,
        effectiveAt: debit.at,
        event: debit.event,
      }
      wallet.post(happening, postings, now.getTime() * 1000)
    }
  }
}

function isNewer({ rule, isVoid, effectiveAt, remaining, broken }: OpenGrant, at: number): boolean {
  return rule !== null && !isVoid && (effectiveAt ?? at) > at && remaining.plus(broken).greaterThan(0)
}

/** Debits with something left, those that this transaction made itself too. */
function leftOf(wallet: Wallet, written: readonly LaterDebit[]): readonly LaterDebit[] {
  const grants = new Map(wallet.grants().map((grant) => [grant.grantId, grant]))
  const debits = [...written]
  const returned = new Map<number, Decimal>()
  // Gone through once: of a batch that is all late there are thousands.
  for (const { entries, event, effectiveAt: at } of wallet.transactions) {
    for (const { entryNo, source, destination, amount, reverses } of entries) {
      if (reverses !== null) returned.set(reverses, amount.plus(returned.get(reverses) ?? ZERO))
      const grant = destination === 'usage' ? grants.get(source.split(':')[1] ?? '') : undefined
      if (grant?.rule) debits.push({ entryNo, source, left: amount, at, grant, event })
    }
  }
  return debits
    .map((debit) => ({ ...debit, left: debit.left.minus(returned.get(debit.entryNo) ?? ZERO) }))
    .filter(({ left }) => left.greaterThan(0))
}
