import type pg from 'pg'
import type { AuditReport, AuditScope } from '../core/audit.ts'
import { askForGaps, countRows } from '../schema/gap-query.ts'

/**
 * Compares what is not ok with what the alerts of each subject come to, alerts with one another, and how far each rule's
 * watch says it is. Alerts have no part of time: all of each rule are looked at.
 */
export async function auditAlerts(
  client: pg.PoolClient,
  { tenantId }: AuditScope,
  report: AuditReport,
): Promise<void> {
  const count = `select count(*)::text as count from aforo_store.alerts where $1::text is null or tenant_id = $1`
  await countRows(client, 'alerts', count, [tenantId], report)
  for (const text of [STATES, CHANGES, WATCHES])
    await askForGaps(client, { check: 'alerts', text, values: [tenantId] }, report)
}

/** The state of a subject is that of its last alert. */
const STATES = `
  select 'alert state' as kind, tenant_id, rule_id || '/' || subject as id,
    format('is %s since alert %s, and its last alert, %s, says %s', coalesce(stands.state, 'ok'),
      coalesce(stands.alert_no::text, '-'), coalesce(last.alert_no::text, '-'), coalesce(last.state, 'nothing')) as found
  from (select * from aforo_store.alert_states where $1::text is null or tenant_id = $1) stands
  full join (
    select distinct on (tenant_id, rule_id, subject) * from aforo_store.alerts
    where $1::text is null or tenant_id = $1
    order by tenant_id, rule_id, subject, alert_no desc) last using (tenant_id, rule_id, subject)
  where (coalesce(stands.state, 'ok'), coalesce(stands.alert_no, last.alert_no), coalesce(stands.since, last.recorded_at))
    is distinct from (last.state, last.alert_no, last.recorded_at)`

/** Each alert goes on from the one before of its subject, and is of a version that is there. */
const CHANGES = `
  select 'alert' as kind, alert.tenant_id, alert.rule_id || '/' || alert_no as id,
    case when alert.previous is distinct from before then format('begins at %s, and the one before ended at %s', previous, before)
      else format('is of version %s, which says %s', rule_version, coalesce(version.body ->> 'kind', 'nothing')) end as found
  from (
    select *, coalesce(lag(state) over (partition by tenant_id, rule_id, subject order by alert_no), 'ok') as before
    from aforo_store.alerts where $1::text is null or tenant_id = $1) alert
  left join aforo_store.alert_rule_versions version
    on version.tenant_id = alert.tenant_id and version.rule_id = alert.rule_id and version.version = rule_version
  where alert.previous is distinct from before or version.version is null
    or (version.body is not null and version.body ->> 'kind' <> alert.kind)`

/** Alerts of a rule are numbered without a gap, and every rule is looked at. */
const WATCHES = `
  select 'alert rule' as kind, tenant_id, rule_id as id,
    case when watch.alerts is null then 'is looked at by nobody'
      else format('has %s alerts up to number %s, and its watch says %s', coalesce(counted, 0), coalesce(last, 0),
        watch.alerts) end as found
  from (
    select distinct tenant_id, rule_id from aforo_store.alert_rule_versions where $1::text is null or tenant_id = $1) rule
  left join aforo_store.alert_watches watch using (tenant_id, rule_id)
  left join (
    select tenant_id, rule_id, count(*) as counted, max(alert_no) as last from aforo_store.alerts
    where $1::text is null or tenant_id = $1
    group by tenant_id, rule_id) numbered using (tenant_id, rule_id)
  where watch.alerts is null or (coalesce(counted, 0), coalesce(last, 0)) <> (watch.alerts, watch.alerts)`
