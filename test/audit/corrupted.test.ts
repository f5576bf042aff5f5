import pg from 'pg'
import { expect, test } from 'vitest'
import { testDatabase } from '../support/database.ts'
import { createCorrupter } from './corrupted.ts'

test('a change that the database refuses changes nothing, and the connection can be used again', async () => {
  const database = await testDatabase()
  const pool = new pg.Pool({ connectionString: database.url, max: 1 })
  try {
    await pool.query(
      `insert into aforo_store.customers (tenant_id, customer_id, recorded_at) values ('t', 'acme', now())`,
    )
    const corrupt = await createCorrupter(pool)
    const names = async () =>
      (await pool.query<{ name: string }>('select customer_id as name from aforo_store.customers')).rows.map(
        ({ name }) => name,
      )
    const refused = `with gone as (update aforo_store.customers set customer_id = 'x' returning 1)
      select 1 / (count(*) - 1) from gone`
    await expect(corrupt(refused, names)).rejects.toThrow('division by zero')
    expect(await names()).toEqual(['acme'])
    expect(await corrupt(`update aforo_store.customers set customer_id = 'x'`, names)).toEqual(['x'])
    expect(await names()).toEqual(['acme'])
  } finally {
    await pool.end()
    await database.drop()
  }
})
