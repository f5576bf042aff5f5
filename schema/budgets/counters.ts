import type pg from 'pg'
import type { CounterKey } from '../../core/lease.ts'
import { decimalText, ZERO } from '../../core/money.ts'
import { type CounterMove, firstSlot, rollingOf, type Slots } from '../../core/spending.ts'

/** Counters of one statement. */
export const MOVES_MAX = 5_000

/**
 * Moves counters of budgets, which are made where there are none yet, each locked in the order of its key. The caller
 * holds the budgets of the tenants (`shareBudgets` or `lockBudgets`). Slots that have left their window are dropped.
 */
export async function moveCounters(
  client: pg.ClientBase,
  moves: readonly CounterMove[],
  now: Date,
): Promise<void> {
  const rows = moves.map((move) => rowOf(move, now.getTime()))
  for (let from = 0; from < rows.length; from += MOVES_MAX) {
    await client.query({
      name: 'budgets_move',
      text: MOVE,
      values: [JSON.stringify(rows.slice(from, from + MOVES_MAX))],
    })
  }
}

const KEY = 'tenant_id, budget_id, counting_version, subject, window_start'

/** Rows are sorted, so they are locked in the order in which everybody locks them. */
const MOVE = `
  insert into aforo_store.budget_counters as counter (${KEY}, used, used_cogs, slots, slots_from)
  select ${KEY}, used, used_cogs, slots, slots_from
  from jsonb_to_recordset($1::jsonb) as moved (tenant_id text, budget_id text, counting_version integer, subject text,
    window_start timestamptz, used numeric, used_cogs numeric, slots jsonb, slots_from timestamptz)
  order by ${KEY}
  on conflict (${KEY}) do update set
    (used, used_cogs, slots, slots_from, changed_tx) = (
      select
        case when counter.slots is null then counter.used + excluded.used
          else coalesce(sum(slot.used), 0) end,
        case when counter.used_cogs is null then null
          when counter.slots is null then counter.used_cogs + excluded.used_cogs
          else coalesce(sum(slot.cogs), 0) end,
        case when counter.slots is not null then
          coalesce(jsonb_object_agg(slot.start, jsonb_build_array(slot.used::text, slot.cogs::text))
            filter (where slot.start is not null), '{}') end,
        greatest(counter.slots_from, excluded.slots_from),
        pg_current_xact_id()
      from (
        select start, sum((amounts ->> 0)::numeric) as used, sum((amounts ->> 1)::numeric) as cogs
        from (select * from jsonb_each(counter.slots) union all select * from jsonb_each(excluded.slots))
          as slots (start, amounts)
        where start::timestamptz >= greatest(counter.slots_from, excluded.slots_from)
        group by start) slot)`

/** The counter that moves, as leases and holds name it. */
export function keyOfMove({ version, subject, windowStart }: CounterMove): CounterKey {
  return {
    budgetId: version.budgetId,
    counting: version.counting,
    subject,
    windowStart: windowStart === null ? '-infinity' : new Date(windowStart).toISOString(),
  }
}

function rowOf(move: CounterMove, now: number): object {
  const { tenantId, version } = move
  const { budgetId, counting, subject, windowStart } = keyOfMove(move)
  const key = {
    tenant_id: tenantId,
    budget_id: budgetId,
    counting_version: counting,
    subject,
    window_start: windowStart,
  }
  const rolling = rollingOf(version.budget.window)
  if (rolling === null || move.slots === null) {
    return { ...key, used: decimalText(move.used), used_cogs: move.cogs && decimalText(move.cogs) }
  }
  const from = firstSlot(rolling, now)
  const slots: Record<string, Slots[string]> = {}
  let [used, cogs] = [ZERO, move.cogs && ZERO]
  for (const [start, slot] of move.slots) {
    if (start < from) continue
    used = used.plus(slot.used)
    cogs = cogs === null ? null : cogs.plus(slot.cogs ?? ZERO)
    slots[slotName(start)] = [decimalText(slot.used), slot.cogs && decimalText(slot.cogs)]
  }
  return {
    ...key,
    used: decimalText(used),
    used_cogs: cogs && decimalText(cogs),
    slots,
    slots_from: slotName(from),
  }
}

/** RFC 3339 to the second, as the table's keys have it. */
export function slotName(start: number): string {
  return `${new Date(start).toISOString().slice(0, 19)}Z`
}
