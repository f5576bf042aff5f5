import type pg from 'pg'

/**
 * Runs a claim, `order by … limit … for update skip locked`, along the index that has its order. The planner's figures
 * of a queue are those of the last time it was looked at, when it was short or empty: by them it would rather read and
 * sort all that waits, for every batch anew.
 */
export async function alongIndex<T>(client: pg.PoolClient, claim: () => Promise<T>): Promise<T> {
  await client.query('set local enable_sort = off')
  const claimed = await claim()
  await client.query('set local enable_sort = on')
  return claimed
}
