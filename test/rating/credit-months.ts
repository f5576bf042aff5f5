import type pg from 'pg'
import { expect } from 'vitest'
import { SILENT } from '../../core/log.ts'
import { NO_TOKENS } from '../../core/usage.ts'
import { expireDue } from '../../rating/ledger/expire-due.ts'
import { refillDue } from '../../rating/ledger/refill-due.ts'
import { createRater } from '../../rating/rater.ts'
import { assemblyOf, modelCall, storeCustomer, storeEvent } from './events.ts'

/** One input token is one credit. */
export const PLAN = {
  currency: 'USD',
  credit_rate: '0.01',
  bill_as: 'credits',
  meters: [{ meter: 'input_tokens', model: 'per_unit', unit_price: '0.01' }],
}

/** A hundred credits a month, of which fifty may go on. */
export const ROLLING = { ...PLAN, grants: [{ name: 'monthly', amount: '100', rollover: { max: '50' } }] }

/** The same, and fifty are carried over at least, from which overage is paid. */
export const OWING = {
  ...PLAN,
  grants: [{ name: 'monthly', amount: '100', rollover: { max: '50', min: '50', carry_overage: true } }],
}

export const at = (text: string) => new Date(`${text}Z`)

/** Customers who use credits over the months of a plan: what happens to them, and what their ledgers say then. */
export function creditMonths(pool: pg.Pool) {
  let traceNo = 0

  async function subscribe(
    customer: string,
    plan: string,
    from: string,
    of: { timezone?: string; anchorDay?: number } = {},
  ): Promise<void> {
    await storeCustomer(pool, customer)
    await pool.query(
      `insert into aforo_store.subscriptions
       (tenant_id, customer_id, plan_id, effective_from, timezone, anchor_day, recorded_at)
     values ('default', $1, $2, $3, $4, $5, $3)`,
      [customer, plan, at(from), of.timezone ?? 'UTC', of.anchorDay ?? 1],
    )
  }

  /** Tells usage of several times at once, so that one batch debits it all. */
  async function tell(
    customer: string,
    used: readonly (readonly [string, number])[],
    now: string,
  ): Promise<void> {
    for (const [when, credits] of used) {
      const buckets = { ...NO_TOKENS, inputUncached: credits }
      const assembly = assemblyOf({ calls: [modelCall(1, { buckets })] })
      await storeEvent(pool, { traceNo: ++traceNo, customer, time: at(when), recordedAt: at(now), assembly })
    }
    expect(await createRater({ pool }).rate(at(now))).toBe(used.length)
  }

  async function use(customer: string, when: string, credits: number, now = when): Promise<number> {
    const buckets = { ...NO_TOKENS, inputUncached: credits }
    const assembly = assemblyOf({ calls: [modelCall(1, { buckets })] })
    await storeEvent(pool, { traceNo: ++traceNo, customer, time: at(when), recordedAt: at(now), assembly })
    expect(await createRater({ pool }).rate(at(now))).toBe(1)
    return traceNo
  }

  /** As the ticker of a process does it, until nothing is left to do. */
  async function turn(now: string): Promise<void> {
    while ((await refillDue(pool, SILENT, at(now))) > 0);
    while ((await expireDue(pool, at(now))) > 0);
  }

  async function postings(customer: string): Promise<string[]> {
    const { rows } = await pool.query<{ told: string }>(
      `with numbered as (
       select 'grant:' || grant_id as account, 'grant:' || row_number() over (order by grant_id) as name
       from aforo_store.credit_grants where customer_id = $1
     ), named as (
       select account, name from numbered
       union all select replace(account, 'grant', 'breakage'), replace(name, 'grant', 'breakage') from numbered)
     select transaction.kind || ' ' || to_char(effective_at, 'MM-DD') || ': ' || coalesce(a.name, source) || ' → '
       || coalesce(b.name, destination) || ' ' || trim_scale(amount) as told
     from aforo_store.credit_postings posting
     join aforo_store.credit_transactions transaction using (tenant_id, customer_id, transaction_no)
     left join named a on a.account = source left join named b on b.account = destination
     where customer_id = $1 order by entry_no`,
      [customer],
    )
    return rows.map(({ told }) => told)
  }

  async function accounts(customer: string): Promise<Record<string, string>> {
    const { rows } = await pool.query<{ account: string; held: string }>(
      `select split_part(account, ':', 1) as account, trim_scale(sum(input - output))::text as held
     from aforo_store.credit_balances where customer_id = $1 group by 1 order by 1`,
      [customer],
    )
    return Object.fromEntries(rows.map((row) => [row.account, row.held]))
  }

  return { subscribe, tell, use, turn, postings, accounts }
}
