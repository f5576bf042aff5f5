import { afterAll, beforeAll, expect, test } from 'vitest'
import { RevisionEffects, type UnwrittenRevision } from '../../rating/revision-effects.ts'
import { transaction } from '../../schema/pool.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { assemblyOf, modelCall, NOON, storeCustomer, storePlan } from './events.ts'

let db: TestDatabase
beforeAll(async () => {
  db = await testDatabase()
  const tiers = [
    { up_to: '150', unit_price: '1' },
    { up_to: null, unit_price: '0.1' },
  ]
  await storePlan(db.pool, 'team', {
    currency: 'USD',
    meters: [{ meter: 'input_tokens', model: 'graduated', tiers }],
  })
  for (const customer of ['acme', 'globex']) await storeCustomer(db.pool, customer, 'team')
})
afterAll(() => db.drop())

function revisionOf(no: number, customer: string | null): UnwrittenRevision {
  const buckets = { ...modelCall(1).buckets, inputUncached: 100 }
  const traceId = no.toString(16).padStart(32, '0')
  return {
    tenantId: 'default',
    eventId: `evt_${traceId}`,
    traceId,
    revision: 0,
    time: '2026-11-23T12:00:00.000000Z',
    assembly: assemblyOf({ customer, calls: [modelCall(no, { buckets })] }),
  }
}

test('charges are those of all revisions together, whatever pages they came in', async () => {
  const effects = new RevisionEffects()
  await transaction(db.pool, (client) =>
    effects.add(client, [revisionOf(1, 'acme'), revisionOf(2, null)], NOON),
  )
  await transaction(db.pool, (client) => effects.add(client, [revisionOf(3, 'acme')], NOON))
  const found = await transaction(db.pool, (client) => effects.close(client))
  expect(
    found.map(({ customer, events, unpriced, prices }) => [
      customer,
      events,
      unpriced,
      prices.get('USD')?.toFixed(),
    ]),
  ).toEqual([
    ['acme', 2, 2, '155'],
    [null, 1, 1, undefined],
  ])
})

test('effects are held of so many customers and counters, and not of one more', async () => {
  const add = (max: number) =>
    transaction(db.pool, (client) => {
      return new RevisionEffects(max).add(client, [revisionOf(1, 'acme'), revisionOf(2, 'globex')], NOON)
    })
  await add(4)
  await expect(add(3)).rejects.toThrow(/more than 3 customers and counters/)
})
