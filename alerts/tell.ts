import type pg from 'pg'
import type { AlertState } from '../core/alert.ts'
import type { MessageType } from '../core/messages.ts'
import { trimNumeric } from '../core/money.ts'
import { enqueueMessage } from '../schema/webhooks/enqueue.ts'
import type { Watch } from './watch.ts'

/** Subjects that a message names; of the others it tells how many there are. */
export const NAMED_MAX = 20

const TYPES: Readonly<Record<AlertState, MessageType>> = {
  ok: 'alert.cleared',
  warn: 'alert.warned',
  block: 'alert.blocked',
}

interface UntoldRow {
  readonly alert_no: string
  readonly about: Readonly<Record<string, string>>
  readonly previous: AlertState
  readonly state: AlertState
  readonly reason: string
  readonly value: string | null
  readonly threshold: string | null
  readonly figures: object
  readonly killed: object | null
  readonly recorded_at: string
  readonly total: string
}

/**
 * Writes messages of a rule's alerts that none has told of, one for each state that subjects are in by now, so a subject
 * that changed several times since is told of once. Does nothing while the rule's last message is younger than
 * `tell_seconds`: what comes meanwhile waits in the table, for whoever looks at the rule then.
 * @param alerts number of the rule's last alert
 * @returns whether everything is told
 */
export async function tellAlerts(
  client: pg.PoolClient,
  watch: Watch,
  alerts: bigint,
  now: Date,
): Promise<boolean> {
  const { tenantId, ruleId, told, kind } = watch
  if (alerts === told) return true
  if (now < tellableAt(watch)) return false
  const { rows } = await client.query<UntoldRow>({
    name: 'alerts-untold',
    text: UNTOLD,
    values: [tenantId, ruleId, String(told), NAMED_MAX],
  })
  for (const [state, group] of Map.groupBy(rows, (row) => row.state)) {
    const total = Number(group[0]!.total)
    await enqueueMessage(client, {
      tenantId,
      type: TYPES[state],
      id: `alert:${ruleId}:${alerts}:${state}`,
      data: { rule: ruleId, kind, state, alerts: group.map(shown), more: total - group.length },
      now,
    })
  }
  return true
}

/** When the rule may tell again. */
export function tellableAt({ toldAt, tellMs }: Watch): Date {
  return toldAt === null ? new Date(0) : new Date(toldAt.getTime() + tellMs)
}

function shown(row: UntoldRow): object {
  return {
    alert_no: Number(row.alert_no),
    subject: row.about,
    previous: row.previous,
    reason: row.reason,
    value: row.value && trimNumeric(row.value),
    threshold: row.threshold && trimNumeric(row.threshold),
    figures: row.figures,
    ...(row.killed !== null && { killed: row.killed }),
    at: row.recorded_at,
  }
}

const UNTOLD = `
  with newest as (
    select distinct on (subject) * from aforo_store.alerts
    where tenant_id = $1 and rule_id = $2 and alert_no > $3
    order by subject, alert_no desc
  ), ranked as (
    select *, row_number() over (partition by state order by alert_no) as place,
      count(*) over (partition by state) as total
    from newest
  )
  select alert_no::text as alert_no, about, previous, state, reason, value::text as value, threshold::text as threshold,
    figures, killed, to_char(recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as recorded_at,
    total::text as total
  from ranked where place <= $4
  order by state, alert_no`
