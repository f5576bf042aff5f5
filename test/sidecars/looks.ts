import type pg from 'pg'

/** A counter that promises more than its limit, or of which the books do not add up. */
export interface Amiss {
  readonly budget: string
  readonly subject: string
  readonly used: string
  readonly leased: string
  readonly limit: string
  readonly given: string
  readonly at: string
}

/**
 * Looks at all counters of hard limits in one snapshot: what is used and given out stays within the limit, and what is given out
 * is what leases have and holds hold.
 *
 * Two things are beside it. A span that was here before its sidecar told of the hold is used, and still in the lease: such
 * spans have left marks, which say how much. And what calls used beyond their holds, `over`, is bounded by nothing.
 */
const LOOK = `
  with limits as (
    select distinct on (tenant_id, budget_id) tenant_id, budget_id, body ->> 'unit' as unit,
      (body ->> 'limit')::numeric as "limit"
    from aforo_store.budget_versions order by tenant_id, budget_id, version desc
  ),
  leases as (
    select tenant_id, budget_id, counting_version, subject, window_start, sum(amount) as amount
    from aforo_store.budget_leases group by 1, 2, 3, 4, 5
  ),
  takes as (
    select tenant_id, budget_id, counting_version, subject, window_start, sum(held) as held, sum(over) as over
    from aforo_store.budget_hold_takes group by 1, 2, 3, 4, 5
  ),
  marks as (
    select tenant_id, sum(coalesce((actual ->> 'model_calls')::numeric, 1)) as model_calls,
      sum((actual ->> 'input_tokens')::numeric + (actual ->> 'output_tokens')::numeric) as tokens
    from aforo_store.budget_holds where sidecar_id is null group by 1
  )
  select budget_id as budget, subject, used::text, leased::text, "limit"::text,
    (coalesce(leases.amount, 0) + coalesce(takes.held, 0))::text as given,
    now()::text as at
  from aforo_store.budget_counters
  join limits using (tenant_id, budget_id)
  left join leases using (tenant_id, budget_id, counting_version, subject, window_start)
  left join takes using (tenant_id, budget_id, counting_version, subject, window_start)
  left join marks using (tenant_id)
  where leased <> coalesce(leases.amount, 0) + coalesce(takes.held, 0)
    or used + leased - coalesce(takes.over, 0)
      - coalesce(case unit when 'tokens' then marks.tokens when 'model_calls' then marks.model_calls end, 0) > "limit"`

/** Looks again and again until it is ended. */
export function keepLooking(pool: pg.Pool, everyMs: number) {
  const amiss: Amiss[] = []
  let looks = 0
  let isOver = false
  const looking = (async () => {
    while (!isOver) {
      const { rows } = await pool.query<Amiss>({ name: 'look', text: LOOK })
      looks += 1
      // One is enough to fail by; of more only the first tell how it began.
      if (amiss.length < 20) amiss.push(...rows)
      await new Promise((resolve) => setTimeout(resolve, everyMs))
    }
  })()
  // It is told of on ending.
  looking.catch(() => {})
  return {
    async end(): Promise<{ readonly looks: number; readonly amiss: readonly Amiss[] }> {
      isOver = true
      await looking
      return { looks, amiss }
    },
  }
}
