import type pg from 'pg'

/** What the planner would rather do where it takes a table for small. */
const INSTEAD = ['enable_seqscan', 'enable_hashjoin', 'enable_mergejoin']

/**
 * Runs statements that look rows up by whole keys, many at once, one by one along the index of the key. The planner goes by
 * the table as it was when it looked last, and keeps a plan: one that was small is read from end to end by every statement,
 * also when a burst has made a hundred thousand rows of it.
 */
export async function byKey<T>(client: Pick<pg.ClientBase, 'query'>, work: () => Promise<T>): Promise<T> {
  await client.query(BY_KEY)
  const done = await work()
  await client.query(AS_BEFORE)
  return done
}

const BY_KEY = settingAll('by_key', 'off')
const AS_BEFORE = settingAll('as_before', 'on')

function settingAll(name: string, value: 'on' | 'off'): pg.QueryConfig {
  return {
    name,
    text: `select ${INSTEAD.map((what) => `set_config('${what}', '${value}', true)`).join(', ')}`,
  }
}
