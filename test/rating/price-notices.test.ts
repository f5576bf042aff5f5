import { expect, test } from 'vitest'
import { tellNotices } from '../../cmd/prices/tell-notices.ts'
import { seedPriceBook } from '../../rating/prices/seed.ts'
import { testDatabase } from '../support/database.ts'

const DAY_MS = 86_400_000
const SEEDED = new Date('2026-03-01T00:00:00Z')
const later = (days: number) => new Date(SEEDED.getTime() + days * DAY_MS)

test('webhooks are told of a price notice once, however often it is looked and worded', async () => {
  const { pool, drop } = await testDatabase()
  try {
    await seedPriceBook(pool, SEEDED)
    await pool.query(
      `insert into aforo_store.webhook_endpoints (tenant_id, webhook_id, url, events, recorded_at)
       values ('acme', 'all', 'https://a.example/', null, $1), ('acme', 'credits', 'https://b.example/', $2, $1),
         ('globex', 'prices', 'https://c.example/', $3, $1)`,
      [SEEDED, ['credits.balance_low'], ['prices.noticed']],
    )
    const stale = async () =>
      (
        await pool.query(
          `select message.tenant_id as tenant, webhook_id as webhook, message.data ->> 'kind' as kind
           from aforo_store.webhook_messages message join aforo_store.webhook_deliveries using (tenant_id, message_id)
           where type = 'prices.noticed' and message.data ->> 'kind' = 'stale_snapshot' order by 1, 2`,
        )
      ).rows
    await tellNotices(pool, later(6))
    expect(await stale()).toEqual([])
    expect(await tellNotices(pool, later(8))).toBeGreaterThan(0)
    const told = [
      { tenant: 'acme', webhook: 'all', kind: 'stale_snapshot' },
      { tenant: 'globex', webhook: 'prices', kind: 'stale_snapshot' },
    ]
    expect(await stale()).toEqual(told)
    // Another number of days by now, and the same notice.
    await tellNotices(pool, later(9))
    expect(await stale()).toEqual(told)
  } finally {
    await drop()
  }
})
