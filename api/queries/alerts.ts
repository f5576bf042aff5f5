import type pg from 'pg'
import type { AlertRule, AlertState } from '../../core/alert.ts'
import type { TenantId } from '../../core/ids.ts'
import type { Key } from '../cursor.ts'

export interface AlertRuleRow {
  readonly ruleId: string
  readonly version: number
  readonly body: AlertRule
  readonly recordedAt: string
  readonly warned: number
  readonly blocked: number
  readonly leftOut: number
  readonly lookedAt: string | null
  readonly failure: string | null
}

/** Rules that have not ended, in the order of their ids, with how they stand. */
export async function listAlertRules(
  client: pg.ClientBase,
  tenantId: TenantId,
  page: { readonly only?: string; readonly after: string | null; readonly rows: number },
): Promise<readonly AlertRuleRow[]> {
  const { rows } = await client.query<AlertRuleRow>(
    `select rule_id as "ruleId", newest.version, body, recorded_at::text as "recordedAt", warned, blocked,
       left_out as "leftOut", looked_at::text as "lookedAt", failure
     from (
       select distinct on (rule_id collate "C") * from aforo_store.alert_rule_versions
       where tenant_id = $1 and ($2::text is null or rule_id collate "C" > $2) and ($4::text is null or rule_id = $4)
       order by rule_id collate "C", version desc) newest
     join aforo_store.alert_watches using (tenant_id, rule_id)
     cross join lateral (
       select (count(*) filter (where state = 'warn'))::integer as warned,
         (count(*) filter (where state = 'block'))::integer as blocked
       from aforo_store.alert_states state where state.tenant_id = $1 and state.rule_id = newest.rule_id) open
     where body is not null
     order by rule_id collate "C"
     limit $3`,
    [tenantId, page.after, page.rows, page.only ?? null],
  )
  return rows
}

export interface AlertRow {
  readonly ruleId: string
  readonly alertNo: string
  readonly ruleVersion: number
  readonly kind: string
  readonly about: Readonly<Record<string, string>>
  readonly previous: AlertState
  readonly state: AlertState
  readonly reason: string
  readonly value: string | null
  readonly threshold: string | null
  readonly figures: Readonly<Record<string, string | number | null>>
  readonly killed: { readonly kind: string; readonly id: string } | null
  readonly open: boolean
  readonly recordedAt: string
}

/** The types of an alert's sort key: recorded at, rule, number. */
export const ALERT_KEY = ['string', 'string', 'string'] as const

export function alertKey(row: AlertRow): Key {
  return [row.recordedAt, row.ruleId, row.alertNo]
}

export interface AlertFilter {
  readonly state?: AlertState | undefined
  readonly rule?: string | undefined
  readonly customer?: string | undefined
  readonly open?: boolean | undefined
}

/** Changes of states, the last recorded first; `open`: those that hold now. */
export async function listAlerts(
  client: pg.ClientBase,
  tenantId: TenantId,
  { state, rule, customer, open }: AlertFilter,
  page: { readonly after: Key | null; readonly rows: number },
): Promise<readonly AlertRow[]> {
  const { rows } = await client.query<AlertRow>(
    `select rule_id as "ruleId", alert_no::text as "alertNo", rule_version as "ruleVersion", kind, about, previous,
       alert.state, reason, value::text as value, threshold::text as threshold, figures, killed,
       now_so.alert_no is not null as open, recorded_at::text as "recordedAt"
     from aforo_store.alerts alert
     left join aforo_store.alert_states now_so using (tenant_id, rule_id, subject, alert_no)
     where tenant_id = $1 and ($2::text is null or alert.state = $2) and ($3::text is null or rule_id = $3)
       and ($4::text is null or customer_id = $4)
       and ($5::boolean is null or (now_so.alert_no is not null) = $5)
       and ($6::timestamptz is null or recorded_at < $6 or (recorded_at = $6
         and (rule_id collate "C" > $7 or (rule_id = $7 and alert_no < $8::bigint))))
     order by recorded_at desc, rule_id collate "C", alert_no desc
     limit $9`,
    [
      tenantId,
      state ?? null,
      rule ?? null,
      customer ?? null,
      open ?? null,
      page.after?.[0] ?? null,
      page.after?.[1] ?? null,
      page.after?.[2] ?? null,
      page.rows,
    ],
  )
  return rows
}
