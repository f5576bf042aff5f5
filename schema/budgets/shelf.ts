import type pg from 'pg'
import type { Budget, BudgetVersion } from '../../core/budget.ts'
import type { TenantId } from '../../core/ids.ts'
import type { Placement } from '../../core/spending.ts'

/** The budgets of a tenant, to be found by the customer they are about. */
export class TenantBudgets {
  readonly #ofCustomer = new Map<string, BudgetVersion[]>()
  readonly #ofAnybody: BudgetVersion[] = []
  readonly all: readonly BudgetVersion[]

  constructor(all: readonly BudgetVersion[]) {
    this.all = all
    for (const version of all) {
      const customer = version.budget.scope.customer ?? '*'
      const known = customer === '*' ? this.#ofAnybody : this.#ofCustomer.get(customer)
      if (known === undefined) this.#ofCustomer.set(customer, [version])
      else known.push(version)
    }
  }

  /** Those that may be about a customer's usage. */
  of(customer: string | null): readonly BudgetVersion[] {
    const own = customer === null ? undefined : this.#ofCustomer.get(customer)
    return own === undefined ? this.#ofAnybody : [...this.#ofAnybody, ...own]
  }
}

/** Budgets of as many tenants are held in memory; at more all are forgotten. */
export const TENANTS_HELD_MAX = 1_000

/**
 * Budgets in memory. Whoever reads them holds the tenant's budgets (`shareBudgets`): the row of the tenant is written
 * with every change, so the transaction that wrote it last tells whether what is held is still true.
 */
export class BudgetShelf {
  readonly #held = new Map<TenantId, { readonly stamp: string; readonly budgets: TenantBudgets }>()

  /** The budgets of those tenants that have any. */
  async read(
    client: pg.ClientBase,
    tenantIds: readonly TenantId[],
  ): Promise<ReadonlyMap<TenantId, TenantBudgets>> {
    const { rows } = await client.query<{ tenant_id: string; stamp: string }>({
      name: 'budgets_stamps',
      text: `select tenant_id, xmin::text as stamp from aforo_store.budget_tenants where tenant_id = any ($1::text[])`,
      values: [tenantIds],
    })
    const stale = rows.filter(({ tenant_id, stamp }) => this.#held.get(tenant_id)?.stamp !== stamp)
    if (stale.length > 0) {
      const fresh = await readBudgets(
        client,
        stale.map((row) => row.tenant_id),
      )
      if (this.#held.size + stale.length > TENANTS_HELD_MAX) this.#held.clear()
      for (const { tenant_id, stamp } of stale) {
        this.#held.set(tenant_id, { stamp, budgets: new TenantBudgets(fresh.get(tenant_id) ?? []) })
      }
    }
    const found = new Map<TenantId, TenantBudgets>()
    for (const { tenant_id } of rows) {
      const budgets = this.#held.get(tenant_id)?.budgets ?? (await this.#readOne(client, tenant_id))
      if (budgets.all.length > 0) found.set(tenant_id, budgets)
    }
    return found
  }

  /** Of a tenant that was forgotten while others were read. */
  async #readOne(client: pg.ClientBase, tenantId: TenantId): Promise<TenantBudgets> {
    return new TenantBudgets((await readBudgets(client, [tenantId])).get(tenantId) ?? [])
  }
}

/** Finds the budgets that may be about a placement. */
export function budgetsOf(
  shelf: ReadonlyMap<TenantId, TenantBudgets>,
): (placement: Placement) => readonly BudgetVersion[] {
  return ({ tenantId, spender }) => shelf.get(tenantId)?.of(spender.customer) ?? []
}

/** The newest version of every budget that has not ended, by tenant, each in the order of its id. */
async function readBudgets(
  client: pg.ClientBase,
  tenantIds: readonly TenantId[],
): Promise<ReadonlyMap<TenantId, readonly BudgetVersion[]>> {
  const { rows } = await client.query<VersionRow & { tenant_id: string }>({
    name: 'budgets_read',
    text: `select tenant_id, budget_id, version, counting_version, body from (
        select distinct on (tenant_id, budget_id) *
        from aforo_store.budget_versions
        where tenant_id = any ($1::text[])
        order by tenant_id, budget_id, version desc) newest
      where body is not null
      order by tenant_id, budget_id`,
    values: [tenantIds],
  })
  const groups = Map.groupBy(rows, (row) => row.tenant_id)
  return new Map([...groups].map(([tenantId, found]) => [tenantId, found.map(versionOfRow)]))
}

interface VersionRow {
  readonly budget_id: string
  readonly version: number
  readonly counting_version: number
  readonly body: Budget
}

function versionOfRow({ budget_id, version, counting_version, body }: VersionRow): BudgetVersion {
  return { budgetId: budget_id, version, counting: counting_version, budget: body }
}
