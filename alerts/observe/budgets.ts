import { type Budget, subjectFields } from '../../core/budget.ts'
import type { CounterKey } from '../../core/lease.ts'
import { Decimal } from '../../core/money.ts'
import { readStandings, type Standing } from '../../schema/budgets/standings.ts'
import type { Known, Levels } from '../levels.ts'
import { edgeOf, LOOKED_AT_MAX, type Look, type Observation, type Seen, seenOf } from './observation.ts'

/** Digits of a share after the point. */
const SHARE_DIGITS = 6
const ONE = new Decimal(1)

/**
 * Looks at counters of budgets: those that were written since the last look and those that are open; all of them where
 * the rule or the budget is new, and every few minutes for what changes without being written. Counters of sessions and
 * traces are looked at when they are written, so that a new rule does not tell of what is over. A session does not say
 * when that is: what is open of it ends after a day, unless it goes on.
 */
export async function observeBudgets(look: Look): Promise<Seen> {
  const { client, tenantId, rule, open, now } = look
  const parts = open.map(({ subject }) => partsOf(subject))
  const { rows } = await client.query<CounterKey & { readonly total: string }>({
    name: 'alerts-budgets',
    text: CANDIDATES,
    values: [
      tenantId,
      rule.budget!,
      look.seenTx,
      parts.map(({ budgetId }) => budgetId),
      parts.map(({ subject }) => subject),
      open.map(({ sinceMs }) => new Date(sinceMs).toISOString()),
      rule.kind === 'quota' ? edgeOf(look.levels).toFixed() : '1',
      now.toISOString(),
      LOOKED_AT_MAX,
    ],
  })
  const standings = await readStandings(client, tenantId, rows, now)
  return seenOf(
    rows,
    standings.flatMap((standing) => observationOf(look, standing) ?? []),
  )
}

/** `months["acme"]`: the budget's id, which has no bracket, and the counter's subject. */
function partsOf(subject: string): { readonly budgetId: string; readonly subject: string } {
  const at = subject.indexOf('[')
  return { budgetId: subject.slice(0, at), subject: subject.slice(at) }
}

function observationOf({ rule, levels }: Look, standing: Standing): Observation | null {
  const { budget, key } = standing
  if (budget === null || standing.limit === null) return null
  const isFloor = budget.unit === 'margin_pct'
  if (isFloor && rule.kind === 'quota') return null
  const used = new Decimal(standing.used)
  const limit = new Decimal(standing.limit)
  return {
    subject: `${key.budgetId}${key.subject}`,
    about: { budget: key.budgetId, ...namesOf(budget, key.subject) },
    known: isFloor ? marginOf(standing, budget) : { certainty: 'exact', value: shareOf(used, limit) },
    ...(rule.kind === 'budget_tripped' && { levels: trippedLevels(budget, levels, limit) }),
    figures: {
      [isFloor ? 'revenue' : 'used']: standing.used,
      ...(isFloor && { cogs: standing.usedCogs }),
      limit: standing.limit,
      unit: budget.unit,
    },
  }
}

/** Whose counter it is: what is counted apart, and what the budget's scope says of all. */
function namesOf(budget: Budget, subject: string): Record<string, string> {
  const named = Object.entries(budget.scope).filter(([, value]) => typeof value === 'string' && value !== '*')
  return { ...(Object.fromEntries(named) as Record<string, string>), ...subjectFields(budget, subject) }
}

/** Of nothing nothing is left. */
function shareOf(used: Decimal, limit: Decimal): Decimal {
  return limit.greaterThan(0) ? used.div(limit).toDecimalPlaces(SHARE_DIGITS, Decimal.ROUND_DOWN) : ONE
}

function marginOf({ used, usedCogs }: Standing, budget: Budget): Known {
  const price = new Decimal(used)
  if (!price.greaterThan(0) || price.lessThan(budget.floor_after ?? 0)) return { certainty: 'nothing' }
  if (usedCogs === null) return { certainty: 'unknown' }
  return { certainty: 'exact', value: price.minus(usedCogs).times(100).div(price) }
}

/** A budget is tripped when all of it is used, a floor when the margin is below it; a hard one blocks, a soft one warns. */
function trippedLevels({ mode, unit }: Budget, { clearBy }: Levels, limit: Decimal): Levels {
  const isFloor = unit === 'margin_pct'
  const threshold = isFloor ? limit : ONE
  const at = mode === 'hard' ? { warn: null, block: threshold } : { warn: threshold, block: null }
  return { direction: isFloor ? 'below' : 'above', ...at, clearBy }
}

/** Of the limit, as far as it is a number of its own: who is furthest beyond is looked at first. */
const SHARE = `case when body ->> 'limit' <> 'balance' and body ->> 'unit' <> 'margin_pct'
    then counter.used / nullif((body ->> 'limit')::numeric, 0) end`

/**
 * What a counter says is used of a rolling window may still hold slots that have left it, so it is the most that can be:
 * who is not beyond the threshold by it is not. Wallets and floors are worked out one by one.
 */
const CANDIDATES = `
  with newest as (
    select distinct on (budget_id) budget_id, counting_version, body, changed_tx
    from aforo_store.budget_versions
    where tenant_id = $1 and ($2 = '*' or budget_id = $2)
    order by budget_id, version desc
  ), budget as (
    select *, body ->> 'window' in ('session', 'trace') as passing from newest where body is not null
  ), candidate as materialized (
    select counter.budget_id, counter.counting_version, counter.subject, counter.window_start, ${SHARE} as share
    from aforo_store.budget_counters counter
    join budget using (budget_id, counting_version)
    where counter.tenant_id = $1 and counter.changed_tx >= $3::xid8
    union
    select counter.budget_id, counter.counting_version, counter.subject, counter.window_start, ${SHARE} as share
    from budget
    join aforo_store.budget_counters counter using (budget_id, counting_version)
    where counter.tenant_id = $1 and not passing and ($3::xid8 is null or budget.changed_tx >= $3::xid8)
      and case when body ->> 'limit' = 'balance' or body ->> 'unit' = 'margin_pct' then true
        else counter.used >= (body ->> 'limit')::numeric * $7::numeric end
    union
    select counter.budget_id, counter.counting_version, counter.subject, counter.window_start, ${SHARE} as share
    from unnest($4::text[], $5::text[], $6::timestamptz[]) as open (budget_id, subject, since)
    join budget using (budget_id)
    join aforo_store.budget_counters counter
      on counter.tenant_id = $1 and counter.budget_id = budget.budget_id
      and counter.counting_version = budget.counting_version and counter.subject = open.subject
    where not (passing and open.since <= $8::timestamptz - interval '1 day')
  )
  select budget_id as "budgetId", counting_version as counting, subject, window_start::text as "windowStart",
    count(*) over ()::text as total
  from (
    select distinct on (budget_id, subject) * from candidate
    where window_start = '-infinity' or window_start > $8::timestamptz - interval '32 days'
    order by budget_id, subject, window_start desc) of_now
  order by (budget_id || subject) = any (select open.budget_id || open.subject
    from unnest($4::text[], $5::text[]) as open (budget_id, subject)) desc, share desc nulls first, budget_id, subject
  limit $9`
