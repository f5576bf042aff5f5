import type pg from 'pg'
import { transaction } from '../../schema/pool.ts'

/**
 * A database whose rows are changed behind Aforo's back for a while, so that whoever is connected sees it. Copies of all
 * tables are taken now, and what was changed is put back from them.
 */
export async function createCorrupter(pool: pg.Pool) {
  await pool.query('drop schema if exists spare cascade')
  await pool.query('create schema spare')
  const { rows } = await pool.query<{ name: string; columns: string }>(
    `select table_name as name, string_agg(quote_ident(column_name), ', ') filter (where is_generated = 'NEVER') as columns
     from information_schema.columns join information_schema.tables using (table_schema, table_name)
     where table_schema = 'aforo_store' and table_type = 'BASE TABLE'
     group by 1`,
  )
  const columns = new Map(rows.map((row) => [row.name, row.columns]))
  for (const name of columns.keys()) {
    await pool.query(`create table spare.${name} as select * from aforo_store.${name}`)
  }
  /** One transaction in which no trigger and no foreign key looks; none of it, where a statement fails. */
  const unlooked = (statements: readonly string[]): Promise<number> =>
    transaction(pool, async (client) => {
      let changed = 0
      await client.query('set local session_replication_role = replica')
      for (const statement of statements) changed += (await client.query(statement)).rowCount ?? 0
      return changed
    })
  return async <T>(change: string, look: () => Promise<T>): Promise<T> => {
    const names = new Set([...change.matchAll(/aforo_store\.(\w+)/g)].map((match) => match[1]!))
    if ((await unlooked([change])) === 0) throw new Error(`nothing is changed by ${change}`)
    try {
      return await look()
    } finally {
      await unlooked(
        [...names].flatMap((name) => [
          `delete from aforo_store.${name}`,
          `insert into aforo_store.${name} (${columns.get(name)}) overriding system value
           select ${columns.get(name)} from spare.${name}`,
        ]),
      )
    }
  }
}
