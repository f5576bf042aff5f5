import { createHash } from 'node:crypto'
import type { CreditAccount, CreditHappening, Debit, OpenGrant, Posting } from '../../core/credits.ts'
import { type Decimal, decimalText, ZERO } from '../../core/money.ts'

/** Whose credits. */
export interface WalletKey {
  readonly tenantId: string
  readonly customerId: string
}

/** A posting with its place in the ledger. */
export interface Entry extends Posting {
  readonly entryNo: number
  readonly entryId: string
  /** What is left of all grants after it. */
  readonly balance: Decimal
}

export interface Transaction extends CreditHappening {
  readonly contentHash: string
  /** Microseconds since 1970. */
  readonly recordedAt: number
  readonly entries: readonly Entry[]
}

interface WalletState {
  readonly entries: number
  readonly recordedAt: number
  readonly balance: Decimal
  readonly grants: readonly OpenGrant[]
}

/**
 * The credits of a customer in memory, while a transaction of the database holds their lock. What is posted here is
 * seen by what is posted next, and written by `writeWallets` in the end.
 */
export class Wallet {
  readonly key: WalletKey
  readonly #grants: Map<string, OpenGrant>
  readonly #transactions: Transaction[] = []
  #entries: number
  #recordedAt: number
  #balance: Decimal

  constructor(key: WalletKey, state: WalletState) {
    this.key = key
    this.#grants = new Map(state.grants.map((grant) => [grant.grantId, grant]))
    this.#entries = state.entries
    this.#recordedAt = state.recordedAt
    this.#balance = state.balance
  }

  get entries(): number {
    return this.#entries
  }

  get recordedAt(): number {
    return this.#recordedAt
  }

  /** What was posted and is not written yet. */
  get transactions(): readonly Transaction[] {
    return this.#transactions
  }

  /** Grants with something to give, in no order. */
  grants(): readonly OpenGrant[] {
    return [...this.#grants.values()]
  }

  /** Makes room for a grant that is about to be posted. */
  admit(grant: OpenGrant): void {
    this.#grants.set(grant.grantId, grant)
  }

  /** Posts what happened, all of its postings or none. */
  post(happening: CreditHappening, postings: readonly Posting[], nowMicros: number): void {
    if (postings.length === 0) return
    // The ledger's clock never goes back, whichever process writes.
    this.#recordedAt = Math.max(this.#recordedAt, nowMicros)
    const entries = postings.map((posting) => this.#entryOf(posting))
    const hash = contentHash(happening, postings)
    this.#transactions.push({ ...happening, contentHash: hash, recordedAt: this.#recordedAt, entries })
  }

  /** Usage posted here and not written yet, less what was taken back of it. */
  unwrittenDebits(): readonly (Debit & { readonly eventId: string | undefined })[] {
    return this.#transactions.flatMap(({ entries, event }) =>
      entries
        .filter((entry) => entry.destination === 'usage')
        .map(({ entryNo, source, amount }) => ({
          entryNo,
          source,
          eventId: event?.eventId,
          left: amount.minus(this.unwrittenReversal(entryNo)),
        })),
    )
  }

  /** How much of an entry was taken back here and is not written yet. */
  unwrittenReversal(entryNo: number): Decimal {
    return this.#transactions
      .flatMap(({ entries }) => entries)
      .filter((entry) => entry.reverses === entryNo)
      .reduce((sum, { amount }) => sum.plus(amount), ZERO)
  }

  #entryOf(posting: Posting): Entry {
    const { source, destination, amount } = posting
    this.#move(source, amount.neg())
    this.#move(destination, amount)
    const entryNo = ++this.#entries
    const { tenantId, customerId } = this.key
    const name = JSON.stringify([tenantId, customerId, entryNo])
    const entryId = `ent_${createHash('sha256').update(name).digest('hex').slice(0, 24)}`
    return { ...posting, entryNo, entryId, balance: this.#balance }
  }

  #move(account: CreditAccount, amount: Decimal): void {
    const [kind, grantId] = account.split(':')
    if (kind === 'grant') this.#balance = this.#balance.plus(amount)
    const grant = grantId === undefined ? undefined : this.#grants.get(grantId)
    if (!grant) return
    const field = kind === 'grant' ? 'remaining' : 'broken'
    this.#grants.set(grant.grantId, { ...grant, [field]: grant[field].plus(amount) })
  }
}

/** What a happening says: the same key with another of these is a contradiction. */
export function contentHash(
  { kind, effectiveAt, event }: CreditHappening,
  postings: readonly Posting[],
): string {
  const moved = postings.reduce((sum, { amount }) => sum.plus(amount), ZERO)
  const said = [kind, effectiveAt, event?.eventId ?? null, event?.revision ?? null, decimalText(moved)]
  return createHash('sha256').update(JSON.stringify(said)).digest('hex')
}
