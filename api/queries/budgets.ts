import type pg from 'pg'
import type { Budget } from '../../core/budget.ts'
import type { TenantId } from '../../core/ids.ts'
import { Decimal, decimalText, percentOf, trimNumeric, ZERO } from '../../core/money.ts'
import { amountOf, rollingOf, type Slots, usedWithin } from '../../core/spending.ts'
import { LEASE_GRACE_MS } from '../../schema/budgets/take-in.ts'

export interface BudgetRow {
  readonly budgetId: string
  readonly version: number
  readonly counting: number
  readonly body: Budget
  readonly recordedAt: string
}

/** Newest versions of budgets that have not ended, in the order of their ids. */
export async function listBudgets(
  client: pg.ClientBase,
  tenantId: TenantId,
  page: { readonly after: string | null; readonly rows: number },
): Promise<readonly BudgetRow[]> {
  const { rows } = await client.query<BudgetRow>(
    `select budget_id as "budgetId", version, counting_version as counting, body, recorded_at::text as "recordedAt"
     from (
       select distinct on (budget_id collate "C") * from aforo_store.budget_versions
       where tenant_id = $1 and ($2::text is null or budget_id collate "C" > $2)
       order by budget_id collate "C", version desc) newest
     where body is not null
     order by budget_id collate "C"
     limit $3`,
    [tenantId, page.after, page.rows],
  )
  return rows
}

/** One counter of a budget. */
export interface BudgetUse {
  readonly subject: string
  /** Text of the database: the month's start; null for every other window. */
  readonly windowStart: string | null
  readonly used: string
  readonly limit: string
  readonly share: string | null
  readonly leased: string
  /** Of it what holds hold; and what is out beyond the limit, which was higher when it was granted. */
  readonly held: string
  readonly beyond: string
  /** When the last lease runs out that may be beyond the limit, as text of the database; null: none is. */
  readonly beyondUntil: string | null
  readonly cogs: string | null
  readonly marginPct: string | null
}

interface CounterRow {
  readonly subject: string
  readonly window_start: string | null
  readonly used: string
  readonly used_cogs: string | null
  readonly slots: Slots | null
  readonly leased: string
  readonly held: string
  readonly leases_until: string | null
  readonly balance: string | null
}

/** Months that began before are over, wherever. */
const MONTH_DAYS_MAX = 32

/** Counters of a budget in the order of their subjects, of months those that are not over. */
export async function readUses(
  client: pg.ClientBase,
  tenantId: TenantId,
  { budgetId, counting, body }: Pick<BudgetRow, 'budgetId' | 'counting' | 'body'>,
  page: { readonly after: readonly [string, string] | null; readonly rows: number },
  now: Date,
): Promise<readonly BudgetUse[]> {
  const { rows } = await client.query<CounterRow>(
    `select subject, nullif(window_start, '-infinity')::text as window_start, used::text as used,
       used_cogs::text as used_cogs, slots, leased::text as leased,
       (select coalesce(sum(held), 0)::text from aforo_store.budget_hold_takes take
        where take.tenant_id = $1 and take.budget_id = $2 and take.counting_version = $3
          and take.subject = counter.subject and take.window_start = counter.window_start and held > 0) as held,
       (select (max(expires_at) + interval '${LEASE_GRACE_MS} milliseconds')::text from aforo_store.budget_leases lease
        where lease.tenant_id = $1 and lease.budget_id = $2 and lease.counting_version = $3
          and lease.subject = counter.subject and lease.window_start = counter.window_start and amount > 0
       ) as leases_until,
       case when $8::boolean then (
         select coalesce(sum(input - output), 0) from aforo_store.credit_balances balance
         where balance.tenant_id = $1 and balance.customer_id = coalesce($9, counter.subject::jsonb ->> 0)
           and balance.account like 'grant:%') - (
         select coalesce(sum(credits), 0) from aforo_store.open_spend open
         where open.tenant_id = $1 and open.customer_id = coalesce($9, counter.subject::jsonb ->> 0)) end::text as balance
     from aforo_store.budget_counters counter
     where tenant_id = $1 and budget_id = $2 and counting_version = $3
       and (window_start = '-infinity' or window_start > $4::timestamptz - $5 * interval '1 day')
       and ($6::text is null or (subject collate "C", window_start) > ($6, coalesce($7, '-infinity')::timestamptz))
     order by subject collate "C", window_start
     limit $10`,
    [
      tenantId,
      budgetId,
      counting,
      now,
      MONTH_DAYS_MAX,
      page.after?.[0] ?? null,
      page.after?.[1] || null,
      body.limit === 'balance',
      body.scope.customer === '*' ? null : (body.scope.customer ?? null),
      page.rows,
    ],
  )
  return rows.map((row) => useOf(row, body, now))
}

function useOf(row: CounterRow, budget: Budget, now: Date): BudgetUse {
  const rolling = rollingOf(budget.window)
  const within = rolling && row.slots && usedWithin(rolling, row.slots, now.getTime())
  const used = within?.used ?? amountOf(row.used)
  const limit = row.balance === null ? new Decimal(budget.limit) : used.plus(row.balance)
  const isFloor = budget.unit === 'margin_pct'
  const cogs = within?.cogs ?? amountOf(row.used_cogs)
  const leased = amountOf(row.leased)
  const beyond = isFloor || budget.mode === 'soft' ? ZERO : used.plus(leased).minus(limit)
  const isBeyond = beyond.greaterThan(0) && leased.greaterThan(0)
  return {
    subject: row.subject,
    windowStart: row.window_start,
    used: decimalText(used),
    limit: decimalText(limit),
    share: isFloor || limit.isZero() ? null : used.div(limit).toFixed(4),
    leased: decimalText(leased),
    held: trimNumeric(row.held),
    beyond: decimalText(isBeyond ? Decimal.min(beyond, leased) : ZERO),
    beyondUntil: isBeyond ? row.leases_until : null,
    cogs: isFloor ? decimalText(cogs) : null,
    marginPct: isFloor ? percentOf(used.minus(cogs), used) : null,
  }
}
