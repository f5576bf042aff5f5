import type pg from 'pg'
import type { CreditAccount, CreditHappening } from '../../core/credits.ts'
import { Decimal } from '../../core/money.ts'
import { instantText, microsOf } from '../../schema/instant.ts'
import { type GrantRow, grantColumns, openGrantOf } from '../../schema/ledger/open-grant.ts'
import type { Wallet } from '../../schema/ledger/wallet.ts'
import { DEBITS_MAX } from './debits.ts'
import type { PlacedDebit } from './reclassify.ts'

/** A debit with the event whose usage it is. */
export type LaterDebit = PlacedDebit & Pick<CreditHappening, 'event'>

/** Debits of a wallet that newer grants may pay for, as they are written. */
export type LaterDebits = (wallet: Wallet) => Promise<readonly LaterDebit[]>

/**
 * Reads them once per wallet, where somebody asks: a batch may be all late.
 * @param earliest instant of the usage to be debited in this transaction, microseconds since 1970
 */
export function laterDebits(client: pg.ClientBase, earliest: number): LaterDebits {
  const read = new Map<Wallet, Promise<readonly LaterDebit[]>>()
  return (wallet) => {
    const known = read.get(wallet) ?? readLaterDebits(client, wallet, earliest)
    read.set(wallet, known)
    return known
  }
}

/**
 * Debits of usage after an instant that could have had a newer grant of the same rule, the latest `DEBITS_MAX`. Their grants
 * are put into the wallet, as they may get something back.
 */
async function readLaterDebits(
  client: pg.ClientBase,
  wallet: Wallet,
  at: number,
): Promise<readonly LaterDebit[]> {
  const { tenantId, customerId } = wallet.key
  const { rows } = await client.query<DebitRow>(LATER_DEBITS, [
    tenantId,
    customerId,
    instantText(at),
    DEBITS_MAX,
  ])
  const open = new Map(wallet.grants().map((grant) => [grant.grantId, grant]))
  return rows.map((row) => {
    let grant = open.get(row.grant_id)
    if (!grant) {
      // What was not read with the wallet has nothing left, and the void ones are left out.
      grant = openGrantOf(row, { isVoid: false, remaining: '0', broken: '0' })
      open.set(grant.grantId, grant)
      wallet.admit(grant)
    }
    return {
      entryNo: Number(row.entry_no),
      source: row.source,
      left: new Decimal(row.left_over),
      at: Number(row.at),
      grant,
      event: { eventId: row.event_id, revision: row.revision, time: row.event_time },
    }
  })
}

interface DebitRow extends GrantRow {
  readonly entry_no: string
  readonly source: CreditAccount
  readonly left_over: string
  readonly at: string
  readonly event_id: string
  readonly revision: number
  readonly event_time: string
}

const LATER_DEBITS = `
  with ruled as (
    select * from aforo_store.credit_grants granted
    where tenant_id = $1 and customer_id = $2 and rule is not null and not exists (
      select from aforo_store.credit_voids voided
      where voided.tenant_id = $1 and voided.grant_id = granted.grant_id)
  ), later as (
    select posting.entry_no, posting.source, transaction.event_id, transaction.revision, transaction.event_time,
      posting.amount - coalesce((
        select sum(taken.amount) from aforo_store.credit_postings taken
        where taken.tenant_id = $1 and taken.customer_id = $2 and taken.reverses = posting.entry_no), 0) as left_over
    from aforo_store.credit_transactions transaction
    join aforo_store.credit_postings posting using (tenant_id, customer_id, transaction_no)
    where tenant_id = $1 and customer_id = $2 and transaction.event_time > $3 and posting.destination = 'usage'
  )
  select later.entry_no::text as entry_no, later.source, later.left_over::text as left_over,
    ${microsOf('later.event_time')} as at, later.event_id, later.revision, later.event_time::text as event_time,
    ${grantColumns('granted')}
  from later
  join ruled granted on later.source in ('grant:' || granted.grant_id, 'breakage:' || granted.grant_id)
  where later.left_over > 0 and exists (
    select from ruled newer
    where newer.rule = granted.rule and newer.effective_at > granted.effective_at
      and newer.effective_at <= later.event_time)
  order by later.event_time desc, later.entry_no desc
  limit $4`
