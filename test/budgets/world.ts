import type pg from 'pg'
import { expect } from 'vitest'
import { AuditReport } from '../../core/audit.ts'
import type { Budget } from '../../core/budget.ts'
import { auditBudgets } from '../../rating/audit/budgets.ts'
import { seedPriceBook } from '../../rating/prices/seed.ts'
import { defineBudget, endBudget } from '../../schema/budgets/define.ts'
import { transaction } from '../../schema/pool.ts'
import { openBooks, PLAN } from '../audit/books.ts'
import { storeCustomer, storePlan } from '../rating/events.ts'
import { noon } from '../support/usages.ts'

const ALL = { tenantId: null, from: '-infinity', to: 'infinity' }

/** A budget with what a test wants different. */
export function budgetOf(fields: Partial<Budget> = {}): Budget {
  return {
    scope: {},
    unit: 'tokens',
    limit: '1000',
    window: 'lifetime',
    mode: 'hard',
    on_outage: 'bounded',
    ...fields,
  }
}

/** Aforo with plans, customers and budgets, without sockets and clocks, at told seconds after noon. */
export async function openWorld(pool: pg.Pool) {
  await seedPriceBook(pool, noon(-86_400))
  await storePlan(pool, 'team', PLAN)
  for (const customer of ['acme', 'globex']) await storeCustomer(pool, customer, 'team')
  const books = openBooks(pool)
  return {
    ...books,
    budget: (seconds: number, id: string, fields: Partial<Budget> = {}) =>
      transaction(pool, (client) => defineBudget(client, 'default', id, budgetOf(fields), noon(seconds))),
    end: (seconds: number, id: string) =>
      transaction(pool, (client) => endBudget(client, 'default', id, noon(seconds))),
    gaps: (seconds: number) => gapsOf(pool, seconds),
    used: (id: string) => usedOf(pool, id),
    open: async () =>
      (await pool.query('select * from aforo_store.open_spend order by trace_id, event_id')).rows,
  }
}

export type World = Awaited<ReturnType<typeof openWorld>>

/** What the audit of budgets finds amiss, in one snapshot. */
export async function gapsOf(pool: pg.Pool, seconds: number): Promise<readonly string[]> {
  const report = new AuditReport()
  await transaction(pool, async (client) => {
    await client.query('set transaction isolation level repeatable read read only')
    await auditBudgets(client, ALL, noon(seconds), report)
  })
  return report.results.flatMap(({ check, result }) =>
    result.gaps.map(({ kind, id, found }) => `${check}: ${kind} ${id} ${found}`),
  )
}

/** Subjects of the newest counting of a budget, with the month where there is one, and what is used. */
export async function usedOf(pool: pg.Pool, budgetId: string): Promise<Record<string, string>> {
  const { rows } = await pool.query<{ subject: string; month: string; used: string }>(
    `select subject, coalesce(' ' || nullif(window_start, '-infinity')::date::text, '') as month,
       trim_scale(used)::text as used
     from aforo_store.budget_counters
     where budget_id = $1 and counting_version = (
       select counting_version from aforo_store.budget_versions where budget_id = $1 order by version desc limit 1)
     order by 1, 2`,
    [budgetId],
  )
  return Object.fromEntries(rows.map((row) => [row.subject + row.month, row.used]))
}

export async function expectNoGaps(world: World, seconds: number): Promise<void> {
  expect(await world.gaps(seconds)).toEqual([])
}
