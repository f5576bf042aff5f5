import type pg from 'pg'
import type { CreditAccount } from '../../core/credits.ts'
import { type Decimal, decimalText, ZERO } from '../../core/money.ts'
import { instantText } from '../instant.ts'
import { requestTopUps } from './top-up.ts'
import type { Entry, Transaction, Wallet, WalletKey } from './wallet.ts'

/**
 * Writes what was posted to wallets that are locked, and moves the balances. Where credits ran low, more are asked for.
 * @throws the database's 23505 where something of the same key was posted before
 */
export async function writeWallets(client: pg.ClientBase, wallets: Iterable<Wallet>): Promise<void> {
  const moved = [...new Set(wallets)].filter((wallet) => wallet.transactions.length > 0)
  if (moved.length === 0) return
  await writeHeads(client, moved)
  await writeTransactions(client, moved)
  await writePostings(client, moved)
  await writeBalances(client, moved)
  await requestTopUps(client, moved, 0)
}

async function writeHeads(client: pg.ClientBase, wallets: readonly Wallet[]): Promise<void> {
  await client.query(
    `update aforo_store.credit_wallets wallet set entries = moved.entries, recorded_at = moved.recorded_at
     from unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[])
       as moved (tenant_id, customer_id, entries, recorded_at)
     where wallet.tenant_id = moved.tenant_id and wallet.customer_id = moved.customer_id`,
    [
      ...keyColumns(wallets.map(({ key }) => key)),
      wallets.map((wallet) => wallet.entries),
      wallets.map((wallet) => instantText(wallet.recordedAt)),
    ],
  )
}

async function writeTransactions(client: pg.ClientBase, wallets: readonly Wallet[]): Promise<void> {
  const rows = wallets.flatMap(({ key, transactions }) => transactions.map((each) => ({ key, ...each })))
  await client.query(
    `insert into aforo_store.credit_transactions
       (tenant_id, customer_id, transaction_no, kind, idempotency_key, content_hash, effective_at, recorded_at,
        event_id, revision, event_time)
     select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[],
       $7::timestamptz[], $8::timestamptz[], $9::text[], $10::integer[], $11::timestamptz[])`,
    [
      ...keyColumns(rows.map(({ key }) => key)),
      rows.map(transactionNo),
      rows.map(({ kind }) => kind),
      rows.map(({ idempotencyKey }) => idempotencyKey),
      rows.map(({ contentHash }) => contentHash),
      rows.map(({ effectiveAt }) => instantText(effectiveAt)),
      rows.map(({ recordedAt }) => instantText(recordedAt)),
      rows.map(({ event }) => event?.eventId ?? null),
      rows.map(({ event }) => event?.revision ?? null),
      rows.map(({ event }) => event?.time ?? null),
    ],
  )
}

async function writePostings(client: pg.ClientBase, wallets: readonly Wallet[]): Promise<void> {
  const rows = wallets.flatMap(({ key, transactions }) =>
    transactions.flatMap((transaction) =>
      transaction.entries.map((entry) => ({ key, transaction, ...entry })),
    ),
  )
  await client.query(
    `insert into aforo_store.credit_postings
       (tenant_id, customer_id, entry_no, entry_id, transaction_no, source, destination, amount, reverses, balance,
        recorded_at)
     select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::text[],
       $8::numeric[], $9::bigint[], $10::numeric[], $11::timestamptz[])`,
    [
      ...keyColumns(rows.map(({ key }) => key)),
      rows.map(({ entryNo }) => entryNo),
      rows.map(({ entryId }) => entryId),
      rows.map(({ transaction }) => transactionNo(transaction)),
      rows.map(({ source }) => source),
      rows.map(({ destination }) => destination),
      rows.map(({ amount }) => decimalText(amount)),
      rows.map(({ reverses }) => reverses),
      rows.map(({ balance }) => decimalText(balance)),
      rows.map(({ transaction }) => instantText(transaction.recordedAt)),
    ],
  )
}

interface Volume {
  readonly key: WalletKey
  readonly account: CreditAccount
  readonly input: Decimal
  readonly output: Decimal
}

/** Rows are made empty first: what is added to one is then checked as a whole, never as a part. */
async function writeBalances(client: pg.ClientBase, wallets: readonly Wallet[]): Promise<void> {
  const volumes = wallets.flatMap(volumesOf)
  const keys = keyColumns(volumes.map(({ key }) => key))
  const accounts = volumes.map(({ account }) => account)
  await client.query(
    `insert into aforo_store.credit_balances (tenant_id, customer_id, account, expires_at)
     select key.*, granted.expires_at
     from unnest($1::text[], $2::text[], $3::text[]) as key (tenant_id, customer_id, account)
     left join aforo_store.credit_grants granted
       on granted.tenant_id = key.tenant_id and 'grant:' || granted.grant_id = key.account
       and granted.customer_id = key.customer_id
     order by 1, 2, 3
     on conflict do nothing`,
    [...keys, accounts],
  )
  await client.query(
    `update aforo_store.credit_balances held
     set input = held.input + moved.input, output = held.output + moved.output
     from unnest($1::text[], $2::text[], $3::text[], $4::numeric[], $5::numeric[])
       as moved (tenant_id, customer_id, account, input, output)
     where held.tenant_id = moved.tenant_id and held.customer_id = moved.customer_id
       and held.account = moved.account`,
    [
      ...keys,
      accounts,
      volumes.map(({ input }) => decimalText(input)),
      volumes.map(({ output }) => decimalText(output)),
    ],
  )
}

/** What went into each account of a wallet and out of it. */
function volumesOf({ key, transactions }: Wallet): readonly Volume[] {
  const volumes = new Map<CreditAccount, Volume>()
  const add = (account: CreditAccount, input: Decimal, output: Decimal) => {
    const sum = volumes.get(account) ?? { key, account, input: ZERO, output: ZERO }
    volumes.set(account, { ...sum, input: sum.input.plus(input), output: sum.output.plus(output) })
  }
  for (const { source, destination, amount } of transactions.flatMap(entriesOf)) {
    add(source, ZERO, amount)
    add(destination, amount, ZERO)
  }
  return [...volumes.values()]
}

function entriesOf({ entries }: Transaction): readonly Entry[] {
  return entries
}

/** A transaction is numbered by its first entry. */
function transactionNo({ entries }: Transaction): number {
  return entries[0]!.entryNo
}

function keyColumns(keys: readonly WalletKey[]): [string[], string[]] {
  return [keys.map((key) => key.tenantId), keys.map((key) => key.customerId)]
}
