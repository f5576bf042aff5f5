import type pg from 'pg'
import type { OpenGrant } from '../../core/credits.ts'
import { Decimal } from '../../core/money.ts'
import { type GrantRow, grantColumns, openGrantOf } from './open-grant.ts'
import { Wallet, type WalletKey } from './wallet.ts'

/**
 * Locks wallets until the transaction ends. Rows are made first where there are none, then locked, each in the order of
 * the key: so nobody waits for somebody who waits for him. Counters of meters are locked before, never after.
 *
 * @param earliest instant of the earliest usage to be debited, microseconds since 1970: what expired before is not read
 */
export async function lockWallets(
  client: pg.ClientBase,
  keys: readonly WalletKey[],
  earliest = Number.POSITIVE_INFINITY,
): Promise<(key: WalletKey) => Wallet> {
  const distinct = [...new Map(keys.map((key) => [walletName(key), key])).values()]
  const values = [distinct.map((key) => key.tenantId), distinct.map((key) => key.customerId)]
  await client.query(
    `insert into aforo_store.credit_wallets (tenant_id, customer_id)
     select * from unnest($1::text[], $2::text[]) order by 1, 2
     on conflict do nothing`,
    values,
  )
  const { rows } = await client.query<WalletRow>(
    `select wallet.tenant_id, wallet.customer_id, wallet.entries::text as entries,
       coalesce(extract(epoch from wallet.recorded_at) * 1000000, 0)::bigint::text as recorded_at
     from unnest($1::text[], $2::text[]) as key (tenant_id, customer_id)
     join aforo_store.credit_wallets wallet using (tenant_id, customer_id)
     order by wallet.tenant_id, wallet.customer_id
     for update of wallet`,
    values,
  )
  const grants = await readOpenGrants(client, values, earliest)
  const wallets = new Map<string, Wallet>()
  for (const row of rows) {
    const key = { tenantId: row.tenant_id, customerId: row.customer_id }
    const open = grants.get(walletName(key)) ?? []
    const state = {
      entries: Number(row.entries),
      recordedAt: Number(row.recorded_at),
      balance: open.reduce((sum, { remaining }) => sum.plus(remaining), new Decimal(0)),
      grants: open,
    }
    wallets.set(walletName(key), new Wallet(key, state))
  }
  return (key) => wallets.get(walletName(key))!
}

interface WalletRow {
  readonly tenant_id: string
  readonly customer_id: string
  readonly entries: string
  readonly recorded_at: string
}

/** Grants of wallets that are locked: those with credits left, and those that expired with some after `earliest`. */
async function readOpenGrants(
  client: pg.ClientBase,
  wallets: unknown[],
  earliest: number,
): Promise<ReadonlyMap<string, readonly OpenGrant[]>> {
  const { rows } = await client.query<HeldGrantRow>(
    `select granted.tenant_id, granted.customer_id, ${grantColumns('granted')},
       voided.grant_id is not null as is_void, (held.input - held.output)::text as remaining,
       coalesce(broken.input - broken.output, 0)::text as broken
     from unnest($1::text[], $2::text[]) as key (tenant_id, customer_id)
     join aforo_store.credit_grants granted using (tenant_id, customer_id)
     join aforo_store.credit_balances held
       on held.tenant_id = granted.tenant_id and held.customer_id = granted.customer_id
       and held.account = 'grant:' || granted.grant_id
     left join aforo_store.credit_balances broken
       on broken.tenant_id = granted.tenant_id and broken.customer_id = granted.customer_id
       and broken.account = 'breakage:' || granted.grant_id
     left join aforo_store.credit_voids voided
       on voided.tenant_id = granted.tenant_id and voided.grant_id = granted.grant_id
     where held.input > held.output or (broken.input > broken.output and granted.expires_at > $3)`,
    [
      ...wallets,
      Number.isFinite(earliest) ? new Date(Math.floor(earliest / 1000)).toISOString() : 'infinity',
    ],
  )
  const found = new Map<string, OpenGrant[]>()
  for (const row of rows) {
    const name = walletName({ tenantId: row.tenant_id, customerId: row.customer_id })
    const grant = openGrantOf(row, { isVoid: row.is_void, remaining: row.remaining, broken: row.broken })
    const list = found.get(name)
    if (list) list.push(grant)
    else found.set(name, [grant])
  }
  return found
}

interface HeldGrantRow extends GrantRow {
  readonly tenant_id: string
  readonly customer_id: string
  readonly is_void: boolean
  readonly remaining: string
  readonly broken: string
}

function walletName({ tenantId, customerId }: WalletKey): string {
  return JSON.stringify([tenantId, customerId])
}
