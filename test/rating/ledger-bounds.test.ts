import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Decimal } from '../../core/money.ts'
import { DEBITS_MAX, readDebits } from '../../rating/ledger/debits.ts'
import { EXPIRY_BATCH_MAX, expireDue } from '../../rating/ledger/expire-due.ts'
import { recordGrant } from '../../schema/ledger/grant.ts'
import { lockWallets } from '../../schema/ledger/lock.ts'
import { writeWallets } from '../../schema/ledger/write.ts'
import { transaction } from '../../schema/pool.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { NOON, storeCustomer } from './events.ts'
import { ledgerFaults } from './ledger-faults.ts'

const NOON_MICROS = NOON.getTime() * 1000

let database: TestDatabase
let pool: pg.Pool
beforeAll(async () => {
  database = await testDatabase()
  pool = database.pool
})
afterAll(() => database.drop())

test('one turn of expiry holds a bounded number of customers; the next has the others', async () => {
  const later = new Date(NOON.getTime() + 1000)
  const customers = Array.from({ length: EXPIRY_BATCH_MAX + 1 }, (_, no) => `customer-${no}`)
  for (const customerId of customers) {
    await storeCustomer(pool, customerId)
    const grant = { amount: '2', kind: 'paid' as const, priority: 50, effectiveAt: null }
    await transaction(pool, (client) =>
      recordGrant(
        client,
        { tenantId: 'default', customerId },
        { ...grant, expiresAt: later.toISOString() },
        NOON,
      ),
    )
  }
  const turns: number[] = []
  for (let booked = 1; booked > 0; turns.push(booked)) booked = await expireDue(pool, later)
  expect(turns).toEqual([EXPIRY_BATCH_MAX, 1, 0])
  expect(await ledgerFaults(pool)).toEqual([])
})

test('a correction looks back over the latest debits only', async () => {
  await storeCustomer(pool, 'busy')
  const key = { tenantId: 'default', customerId: 'busy' }
  const found = await transaction(pool, async (client) => {
    const wallet = (await lockWallets(client, [key]))(key)
    for (let no = 0; no < DEBITS_MAX + 1; no++) {
      const happening = {
        kind: 'usage' as const,
        idempotencyKey: `event:${no}#0`,
        effectiveAt: NOON_MICROS,
        event: null,
      }
      const amount = new Decimal(no + 1)
      wallet.post(
        happening,
        [{ source: 'overage', destination: 'usage', amount, reverses: null }],
        NOON_MICROS,
      )
    }
    await writeWallets(client, [wallet])
    return readDebits(client, key, null)
  })
  expect(found.length).toBe(DEBITS_MAX)
  expect([found[0]?.entryNo, found.at(-1)?.entryNo]).toEqual([2, DEBITS_MAX + 1])
  expect(found.at(-1)?.left.toString()).toBe(String(DEBITS_MAX + 1))
})
