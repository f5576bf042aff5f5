import type pg from 'pg'
import type { CreditHappening, Debit, Posting } from '../../core/credits.ts'
import { AforoError } from '../../core/errors.ts'
import { type Decimal, ZERO } from '../../core/money.ts'
import { lockWallets } from '../../schema/ledger/lock.ts'
import { contentHash, type Wallet } from '../../schema/ledger/wallet.ts'
import { writeWallets } from '../../schema/ledger/write.ts'
import type { ClaimedRevision } from '../claim.ts'
import type { RatedEvent } from '../rate-event.ts'
import { burnDown, unwind } from './burn-down.ts'
import { readBookedCredits, readDebits, readKeys } from './debits.ts'
import { laterDebits } from './later-debits.ts'
import type { CreditsOwed } from './owed.ts'
import { reclassifyLater } from './reclassify-later.ts'
import { refillWallets } from './refill.ts'

/** What one event is to owe one customer. */
interface EventDebit extends CreditsOwed {
  readonly event: ClaimedRevision
}

/**
 * Debits what a batch of events comes to in credits, less what the ledger holds of these events already: more is burned
 * from the grants, less unwinds. In the transaction of the rating; wallets are locked behind the counters.
 */
export async function debitCredits(
  client: pg.PoolClient,
  rated: readonly RatedEvent[],
  now: Date,
): Promise<void> {
  const debits: EventDebit[] = rated.flatMap(({ event, owed }) => owed.map((each) => ({ event, ...each })))
  if (debits.length === 0) return
  const earliest = Math.min(...debits.map(({ event }) => event.timeMicros))
  const walletOf = await lockWallets(client, debits.map(walletKey), earliest)
  const laterOf = laterDebits(client, earliest)
  const booked = await readBookedCredits(client, debits.map(eventKey))
  const hashOf = await readKeys(client, debits.map(eventKey))
  const wallets = new Set<Wallet>(
    await refillWallets(client, [...new Set(debits.map(walletKey).map(walletOf))], now),
  )
  for (const debit of debits) {
    const difference = debit.credits.minus(booked(eventKey(debit)))
    if (difference.isZero()) continue
    const happening = happeningOf(debit, difference)
    const wallet = walletOf(walletKey(debit))
    const known = hashOf(eventKey(debit))
    if (difference.greaterThan(0) && known === undefined) {
      await reclassifyLater(laterOf, wallet, difference, debit.event.timeMicros, now)
    }
    const postings = difference.greaterThan(0)
      ? burnDown(wallet.grants(), difference, debit.event.timeMicros)
      : await takeBack(client, wallet, debit.event.eventId, difference.neg())
    if (known !== undefined) {
      refuseOther(known, contentHash(happening, postings), happening.idempotencyKey)
      continue
    }
    wallet.post(happening, postings, now.getTime() * 1000)
    wallets.add(wallet)
  }
  await writeWallets(client, wallets)
}

/** The event's own debits first; where they do not suffice, as a cheaper tier can have it, the customer's latest. */
async function takeBack(
  client: pg.PoolClient,
  wallet: Wallet,
  eventId: string,
  amount: Decimal,
): Promise<readonly Posting[]> {
  const own = unwritten(wallet, await readDebits(client, wallet.key, eventId), (id) => id === eventId)
  if (own.reduce((sum, { left }) => sum.plus(left), ZERO).greaterThanOrEqualTo(amount)) {
    return unwind(own, amount)
  }
  const all = unwritten(wallet, await readDebits(client, wallet.key, null), () => true)
  const ownNos = new Set(own.map(({ entryNo }) => entryNo))
  const others = all.filter(({ entryNo }) => !ownNos.has(entryNo))
  return unwind([...others, ...own], amount)
}

/** With what this transaction posted and took back itself. */
function unwritten(
  wallet: Wallet,
  written: readonly Debit[],
  isMeant: (eventId: string | undefined) => boolean,
): readonly Debit[] {
  const still = written.map((debit) => ({
    ...debit,
    left: debit.left.minus(wallet.unwrittenReversal(debit.entryNo)),
  }))
  return [...still, ...wallet.unwrittenDebits().filter(({ eventId }) => isMeant(eventId))]
}

function happeningOf({ event }: EventDebit, difference: Decimal): CreditHappening {
  const { eventId, revision, time, timeMicros } = event
  return {
    kind: difference.greaterThan(0) ? 'usage' : 'correction',
    idempotencyKey: `event:${eventId}#${revision}`,
    effectiveAt: timeMicros,
    event: { eventId, revision, time },
  }
}

function refuseOther(known: string, said: string, key: string): void {
  if (known !== said) throw new AforoError('conflict', `the ledger holds ${key} with other content`)
}

function walletKey({ event, customer }: EventDebit) {
  return { tenantId: event.tenantId, customerId: customer }
}

function eventKey(debit: EventDebit) {
  return { ...walletKey(debit), eventId: debit.event.eventId, revision: debit.event.revision }
}
