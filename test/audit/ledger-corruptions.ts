import { eventIdOf } from '../../core/ids.ts'
import { traceIdOf } from '../support/usages.ts'
import type { Corruption } from './corruption.ts'

const EVENT = eventIdOf(traceIdOf('credits'))

/** Of the tables of credits, as `fillBooks` has them for initech. */
export const LEDGER_CORRUPTIONS: readonly Corruption[] = [
  [
    'wallet’s count',
    `update aforo_store.credit_wallets set entries = entries + 1`,
    'ledger_entries',
    'wallet',
    'initech',
  ],
  [
    'entry’s balance',
    `update aforo_store.credit_postings set balance = balance + 1e-18 where entry_no = 3`,
    'ledger_entries',
    'entry',
    'initech/3',
  ],
  [
    'entry’s amount, as its account sees it',
    `update aforo_store.credit_postings set amount = amount + 1e-18 where entry_no = 1`,
    'ledger_accounts',
    'account',
    /^initech\/grant:\d+$/,
  ],
  [
    'entry’s id',
    `update aforo_store.credit_postings set entry_id = 'ent_1' where entry_no = 2`,
    'ledger_entries',
    'entry',
    'initech/2',
  ],
  [
    'entry gone',
    `delete from aforo_store.credit_postings where entry_no = 2`,
    'ledger_entries',
    'transaction',
    'initech/2',
  ],
  [
    'entry that takes back what was never taken',
    `update aforo_store.credit_postings set reverses = 1 where entry_no = 2`,
    'ledger_entries',
    'entry',
    'initech/1',
  ],
  [
    'transaction’s kind',
    `update aforo_store.credit_transactions set kind = 'correction' where kind = 'usage'`,
    'ledger_entries',
    'transaction',
    /^initech\/\d+$/,
  ],
  [
    'transaction’s instant',
    `update aforo_store.credit_transactions set effective_at = effective_at + interval '1 us' where transaction_no = 1`,
    'ledger_entries',
    'transaction',
    'initech/1',
  ],
  [
    'debit’s revision',
    `update aforo_store.credit_transactions set revision = 7 where kind = 'usage' and revision = 1`,
    'ledger_debits',
    'transaction',
    /^initech\/\d+$/,
  ],
  [
    'debit that is no one’s',
    `update aforo_store.credit_transactions set event_id = null where kind = 'usage' and revision = 1`,
    'ledger_debits',
    'event',
    EVENT,
  ],
  [
    'charge of what was debited',
    `update aforo_store.price_lines set amount = amount + 1e-18 where event_id = '${EVENT}' and revision = 0 and line_no = 0`,
    'ledger_debits',
    'event',
    EVENT,
  ],
  [
    'account’s balance',
    `update aforo_store.credit_balances set input = input + 1 where account = 'usage'`,
    'ledger_accounts',
    'account',
    'initech/usage',
  ],
  [
    'account’s expiry',
    `update aforo_store.credit_balances set expires_at = null
     where account in (select 'grant:' || grant_id from aforo_store.credit_grants where rule is not null)`,
    'ledger_accounts',
    'grant',
    /^\d+$/,
  ],
  [
    'grant’s amount',
    `update aforo_store.credit_grants set amount = amount + 1`,
    'ledger_accounts',
    'grant',
    /^\d+$/,
  ],
  [
    'grant’s expiry',
    `update aforo_store.credit_grants set expires_at = '2030-01-01' where rule is not null`,
    'ledger_accounts',
    'grant',
    /^\d+$/,
  ],
  ['void gone', `delete from aforo_store.credit_voids`, 'ledger_accounts', 'grant', /^\d+$/],
  [
    'recurring grant’s key',
    `update aforo_store.credit_transactions set idempotency_key = 'x' || idempotency_key
     where idempotency_key like 'refill:%'`,
    'recurring_grants',
    'customer',
    'initech',
  ],
  [
    'next period',
    `update aforo_store.credit_refills set due_at = due_at + interval '1 day' where customer_id = 'initech'`,
    'recurring_grants',
    'customer',
    'initech',
  ],
  [
    'next period gone',
    `delete from aforo_store.credit_refills where customer_id = 'initech'`,
    'recurring_grants',
    'customer',
    'initech',
  ],
  [
    'top-up request’s number',
    `update aforo_store.credit_top_up_requests set request_no = request_no + 10`,
    'top_ups',
    'top-up request',
    'initech/11',
  ],
]
