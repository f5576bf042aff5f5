import type pg from 'pg'
import type { GrantKind } from '../../core/credits.ts'
import { expireWallets } from '../../rating/ledger/expire-due.ts'
import { refillWallets } from '../../rating/ledger/refill.ts'
import { recordGrant } from '../../schema/ledger/grant.ts'
import { lockWallets } from '../../schema/ledger/lock.ts'
import { voidGrant } from '../../schema/ledger/void.ts'
import type { WalletKey } from '../../schema/ledger/wallet.ts'
import { writeWallets } from '../../schema/ledger/write.ts'
import { transaction } from '../../schema/pool.ts'

/** Selects every instant at which credits moved without usage, in order, as microseconds since 1970. */
export const LEDGER_INSTANTS = `
  select distinct (extract(epoch from at) * 1000000)::bigint::text as at
  from (
    select recorded_at as at from aforo_store.credit_transactions where event_id is null
    union all
    select recorded_at from aforo_store.credit_voids) happened
  order by 1`

/** Ids that grants get here are none that a grant of the source has: those made by somebody keep theirs. */
export async function reserveGrantIds(source: pg.PoolClient, target: pg.Pool): Promise<void> {
  const { rows } = await source.query<{ id: string }>(
    'select coalesce(max(grant_id), 2147483647) as id from aforo_store.credit_grants',
  )
  await target.query(`select setval(pg_get_serial_sequence('aforo_store.credit_grants', 'grant_id'), $1)`, [
    rows[0]!.id,
  ])
}

/**
 * Does again what happened to credits at an instant without usage: grants that somebody made are made, others taken
 * back, and what fell due by itself for a customer then falls due again.
 */
export async function replayLedger(source: pg.PoolClient, target: pg.Pool, at: Date): Promise<void> {
  const { rows } = await source.query<HappenedRow>(HAPPENED, [at.toISOString()])
  for (const row of rows) {
    const key = { tenantId: row.tenant_id, customerId: row.customer_id }
    await transaction(target, (client) => happenAgain(client, key, row, at))
  }
}

async function happenAgain(client: pg.PoolClient, key: WalletKey, row: HappenedRow, at: Date): Promise<void> {
  switch (row.what) {
    case 'grant':
      await recordGrant(
        client,
        key,
        {
          grantId: row.grant_id!,
          amount: row.amount!,
          kind: row.grant_kind!,
          priority: row.priority!,
          effectiveAt: row.effective_at,
          expiresAt: row.expires_at,
        },
        at,
      )
      return
    case 'void':
      await voidGrant(client, key, await grantHere(client, row), at)
      return
    case 'refill': {
      const wallet = (await lockWallets(client, [key]))(key)
      await writeWallets(client, await refillWallets(client, [wallet], at))
      return
    }
    case 'expiry':
      await expireWallets(client, [key], at)
  }
}

/** The id that a grant has here: one that a plan made is known by its period, and by when what it holds began. */
async function grantHere(client: pg.PoolClient, row: HappenedRow): Promise<string> {
  if (row.rule === null) return row.grant_id!
  const { rows } = await client.query<{ grant_id: string }>(
    `select grant_id from aforo_store.credit_grants
     where tenant_id = $1 and customer_id = $2 and subscription_id = $3 and rule = $4 and period_start = $5 and rolled = $6
       and effective_at = $7`,
    [
      row.tenant_id,
      row.customer_id,
      row.subscription_id,
      row.rule,
      row.period_start,
      row.rolled,
      row.effective_at,
    ],
  )
  return rows[0]?.grant_id ?? row.grant_id!
}

interface HappenedRow {
  readonly what: 'grant' | 'void' | 'refill' | 'expiry'
  readonly tenant_id: string
  readonly customer_id: string
  readonly grant_id: string | null
  readonly amount: string | null
  readonly grant_kind: GrantKind | null
  readonly priority: number | null
  readonly effective_at: string | null
  readonly expires_at: string | null
  readonly subscription_id: string | null
  readonly rule: string | null
  readonly period_start: string | null
  readonly rolled: boolean | null
}

/** In the order of each ledger; what fell due by itself, once per customer. $1: the instant. */
const HAPPENED = `
  with happened as (
    select tenant_id, customer_id, min(transaction_no) as place,
      case
        when idempotency_key ~ '^(refill|rollover):' then 'refill'
        when kind = 'grant' then 'grant'
        else 'expiry' end as what,
      case when idempotency_key like 'grant:%' then substring(idempotency_key from 7)::bigint end as grant_id
    from aforo_store.credit_transactions
    where recorded_at = $1 and event_id is null and (kind <> 'void' or idempotency_key ~ '^void:[0-9]+:')
    group by 1, 2, 4, 5
    union all
    select tenant_id, customer_id, coalesce((
        select transaction_no from aforo_store.credit_transactions told
        where told.tenant_id = voided.tenant_id and told.customer_id = voided.customer_id
          and told.idempotency_key = 'void:' || voided.grant_id), 0), 'void', grant_id
    from aforo_store.credit_voids voided where recorded_at = $1
  )
  select what, happened.tenant_id, happened.customer_id, happened.grant_id, amount::text as amount, kind as grant_kind,
    priority, effective_at, expires_at, subscription_id, rule, period_start, rolled
  from happened
  left join aforo_store.credit_grants granted
    on granted.tenant_id = happened.tenant_id and granted.grant_id = happened.grant_id
  order by happened.tenant_id, happened.customer_id, place`
