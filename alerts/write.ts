import type pg from 'pg'
import type { KillKind } from '../core/decision.ts'
import { decimalText } from '../core/money.ts'
import { stop } from '../schema/budgets/kills.ts'
import type { Change } from './changes.ts'
import type { Watch } from './watch.ts'

/** Whom a rule with `kill` stops: the narrowest that the subject names. */
const KILLABLE: readonly KillKind[] = ['session', 'agent', 'customer']

/**
 * Writes changes of states as alerts, numbered on from the watch's last one, and what is not ok by them; stops whom a
 * rule with `kill` stops. In the caller's transaction, who holds the watch.
 * @returns the number of the last alert
 */
export async function writeChanges(
  client: pg.PoolClient,
  watch: Watch,
  changes: readonly Change[],
  now: Date,
): Promise<bigint> {
  if (changes.length === 0) return watch.alerts
  const { tenantId, ruleId } = watch
  const abouts = await aboutsBefore(client, watch, changes)
  const rows: object[] = []
  for (const [i, change] of changes.entries()) {
    const { value, threshold, ...told } = change
    const about = change.about ?? abouts.get(change.subject) ?? {}
    rows.push({
      ...told,
      about,
      alert_no: String(watch.alerts + BigInt(i + 1)),
      customer_id: about.customer ?? null,
      value: value && decimalText(value),
      threshold: threshold && decimalText(threshold),
      killed: await killBy(client, watch, change, about, now),
    })
  }
  await client.query(WRITE, [
    tenantId,
    ruleId,
    watch.version,
    watch.kind,
    JSON.stringify(rows),
    now.toISOString(),
  ])
  await client.query(OPEN, [tenantId, ruleId, JSON.stringify(rows), now.toISOString()])
  return watch.alerts + BigInt(changes.length)
}

/** What a subject that is not seen any more was about is in the alert that opened it. */
async function aboutsBefore(
  client: pg.PoolClient,
  { tenantId, ruleId }: Watch,
  changes: readonly Change[],
): Promise<ReadonlyMap<string, Readonly<Record<string, string>>>> {
  const unseen = changes.filter(({ about }) => about === null).map(({ subject }) => subject)
  if (unseen.length === 0) return new Map()
  const { rows } = await client.query<{ subject: string; about: Record<string, string> }>(
    `select subject, alert.about from aforo_store.alert_states state
     join aforo_store.alerts alert using (tenant_id, rule_id, alert_no, subject)
     where state.tenant_id = $1 and state.rule_id = $2 and state.subject = any ($3::text[])`,
    [tenantId, ruleId, unseen],
  )
  return new Map(rows.map(({ subject, about }) => [subject, about]))
}

async function killBy(
  client: pg.PoolClient,
  { tenantId, ruleId, kills }: Watch,
  { state }: Change,
  about: Readonly<Record<string, string>>,
  now: Date,
): Promise<{ readonly kind: KillKind; readonly id: string } | null> {
  const kind = KILLABLE.find((each) => about[each] !== undefined)
  if (!kills || state !== 'block' || kind === undefined) return null
  const one = { kind, id: about[kind]! }
  return (await stop(client, tenantId, one, `alert rule ${ruleId}`, now)) ? one : null
}

const ROWS = `jsonb_to_recordset($RAW::jsonb) as change (alert_no bigint, subject text, about jsonb, customer_id text,
    previous text, state text, reason text, value numeric, threshold numeric, figures jsonb, killed jsonb)`

const WRITE = `
  insert into aforo_store.alerts (tenant_id, rule_id, rule_version, kind, alert_no, subject, about, customer_id, previous,
    state, reason, value, threshold, figures, killed, recorded_at)
  select $1, $2, $3, $4, alert_no, subject, about, customer_id, previous, state, reason, value, threshold, figures,
    nullif(killed, 'null'), $6
  from ${ROWS.replace('$RAW', '$5')}`

const OPEN = `
  with change as (select * from ${ROWS.replace('$RAW', '$3')}),
  ended as (
    delete from aforo_store.alert_states
    where tenant_id = $1 and rule_id = $2 and subject in (select subject from change where state = 'ok')
  )
  insert into aforo_store.alert_states (tenant_id, rule_id, subject, state, alert_no, since)
  select $1, $2, subject, state, alert_no, $4 from change where state <> 'ok'
  on conflict (tenant_id, rule_id, subject) do update
    set state = excluded.state, alert_no = excluded.alert_no, since = excluded.since`
