import type pg from 'pg'

/** The sums of an event's books, and of its differences, as the database has them. */
export async function booksOf(pool: pg.Pool, eventId: string) {
  const { rows } = await pool.query(
    `select
       (select trim_scale(sum(cogs))::text from aforo_store.ratings where event_id = $1) as cogs,
       (select trim_scale(sum(amount))::text from aforo_store.cost_lines where event_id = $1) as cost_lines,
       (select trim_scale(sum(cogs))::text from aforo_store.event_lines where event_id = $1) as stack_cogs,
       (select trim_scale(sum(price))::text from aforo_store.ratings where event_id = $1) as price,
       (select trim_scale(sum(amount))::text from aforo_store.price_lines where event_id = $1) as price_lines,
       (select trim_scale(sum(price))::text from aforo_store.event_lines where event_id = $1) as stack_price,
       (select status from aforo_store.ratings where event_id = $1 order by revision desc limit 1) as status`,
    [eventId],
  )
  return rows[0]
}

/** Sums of an event that are one and the same however they are taken. */
export function agreeing(cogs: string, price: string | null, status = 'rated') {
  return {
    cogs,
    cost_lines: cogs,
    stack_cogs: cogs,
    price,
    price_lines: price,
    stack_price: price ?? '0',
    status,
  }
}

export async function openExceptions(pool: pg.Pool): Promise<readonly string[]> {
  const { rows } = await pool.query(
    `select kind || ' ' || coalesce(provider || '/' || model || ' ', '') || reason as line
     from aforo_store.exceptions where resolved_at is null order by 1`,
  )
  return rows.map((row) => row.line)
}
