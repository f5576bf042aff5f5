import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AforoError } from '../../core/errors.ts'
import { freePort } from '../../schema/embedded/port.ts'
import { onConnection, openPool, transaction } from '../../schema/pool.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
  await database.pool.query('create table notes (id int primary key, text text)')
})
afterAll(() => database.drop())

const count = async () => {
  const { rows } = await database.pool.query('select count(*) as n from notes')
  return rows[0].n
}

describe('openPool', () => {
  it('reads what JavaScript cannot hold as text', async () => {
    const { rows } = await database.pool.query(`select
      9223372036854775807::int8 as int8, array[9223372036854775807]::int8[] as int8s,
      0.1234567890123456789::numeric as numeric, array[0.1234567890123456789, null]::numeric[] as numerics,
      '2026-01-02 03:04:05.123456+02'::timestamptz as time, '2026-01-02'::date as day, 7::int4 as int4`)
    expect(rows[0]).toEqual({
      int8: '9223372036854775807',
      int8s: ['9223372036854775807'],
      numeric: '0.1234567890123456789',
      numerics: ['0.1234567890123456789', null],
      time: '2026-01-02 01:04:05.123456+00',
      day: '2026-01-02',
      int4: 7,
    })
  })

  it('outlives a connection that the server ends while it is idle', async () => {
    const pool = openPool(database.url, { max: 1 })
    const { rows } = await pool.query('select pg_backend_pid() as pid')
    await database.pool.query('select pg_terminate_backend($1, 5000)', [rows[0].pid])
    await expect.poll(() => pool.totalCount).toBe(0)
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    await pool.end()
  })

  it('says unavailable where no server is', async () => {
    const pool = openPool(`postgresql://nobody@127.0.0.1:${await freePort()}/none`, { max: 1 })
    await expect(transaction(pool, async () => 1)).rejects.toMatchObject({
      code: 'unavailable',
      retryable: true,
    })
    await pool.end()
  })
})

describe('transaction', () => {
  it('commits what resolves', async () => {
    const before = await count()
    const text = await transaction(database.pool, async (client) => {
      await client.query("insert into notes values (1, 'kept')")
      return (await client.query('select text from notes where id = 1')).rows[0].text
    })
    expect(text).toBe('kept')
    expect(await count()).toBe(String(Number(before) + 1))
  })

  it('rolls back what throws, and passes on an error of ours', async () => {
    const before = await count()
    const own = new AforoError('not_found', 'no such note')
    const failing = transaction(database.pool, async (client) => {
      await client.query("insert into notes values (2, 'lost')")
      throw own
    })
    await expect(failing).rejects.toBe(own)
    expect(await count()).toBe(before)
  })

  it('calls a broken rule internal', async () => {
    const failing = transaction(database.pool, (client) => client.query('insert into notes values (3), (3)'))
    await expect(failing).rejects.toMatchObject({ code: 'internal', retryable: false })
  })

  it('calls a connection ended in the middle unavailable, and does not use it again', async () => {
    const pool = openPool(database.url, { max: 1 })
    const failing = transaction(pool, async (client) => {
      const { rows } = await client.query('select pg_backend_pid() as pid')
      await database.pool.query('select pg_terminate_backend($1, 5000)', [rows[0].pid])
      await client.query('select 1')
    })
    await expect(failing).rejects.toMatchObject({ code: 'unavailable', retryable: true })
    expect(await transaction(pool, async () => 'again')).toBe('again')
    await pool.end()
  })
})

describe('onConnection', () => {
  it('fails the next statement of a connection that broke, and nothing else', async () => {
    const pool = openPool(database.url, { max: 1 })
    const pidOf = async () => (await pool.query('select pg_backend_pid() as pid')).rows[0].pid
    const failing = onConnection(pool, async (client) => {
      const { rows } = await client.query('select pg_backend_pid() as pid')
      const ended = new Promise((resolve) => client.once('end', resolve))
      await database.pool.query('select pg_terminate_backend($1, 5000)', [rows[0].pid])
      await ended
      await client.query('select 1')
    })
    await expect(failing).rejects.toThrow()
    const pid = await pidOf()
    await onConnection(pool, async () => {})
    expect(await pidOf()).toBe(pid)
    await onConnection(pool, async () => {}, { isUsedUp: true })
    expect(await pidOf()).not.toBe(pid)
    await pool.end()
  })
})
