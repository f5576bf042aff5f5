import type { Corruption } from './corruption.ts'

const HELD = `hold_id = 'hold_books'`

export const LEASE_CORRUPTIONS: readonly Corruption[] = [
  [
    'what is given out',
    `update aforo_store.budget_counters set leased = leased + 1 where budget_id = 'held'`,
    'budget_leases',
    'budget counter',
    'held/[]',
  ],
  [
    'lease',
    `update aforo_store.budget_leases set amount = amount + 1`,
    'budget_leases',
    'budget counter',
    'held/[]',
  ],
  ['lease gone', `delete from aforo_store.budget_leases`, 'budget_leases', 'budget counter', 'held/[]'],
  [
    'what a hold holds',
    `update aforo_store.budget_hold_takes set held = 0 where ${HELD}`,
    'budget_leases',
    'budget counter',
    'held/[]',
  ],
  [
    'hold’s state',
    `update aforo_store.budget_holds set state = 'released' where ${HELD}`,
    'budget_holds',
    'hold',
    'hold_books',
  ],
  [
    'hold’s time',
    `update aforo_store.budget_holds set expires_at = '2020-01-01Z' where ${HELD}`,
    'budget_holds',
    'hold',
    'hold_books',
  ],
  ['hold gone', `delete from aforo_store.budget_holds where ${HELD}`, 'budget_holds', 'hold', 'hold_books'],
  [
    'kill',
    `insert into aforo_store.kills select tenant_id, kind, id, 2, reason, killed_at, null from aforo_store.kills`,
    'kills',
    'kill',
    'session runaway',
  ],
  ['kill’s number', `update aforo_store.kills set kill_no = 2`, 'kills', 'kill', 'session runaway'],
]
