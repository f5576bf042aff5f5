import { expect, test } from 'vitest'
import type { CreditHappening, Posting } from '../../core/credits.ts'
import { Decimal, decimalText } from '../../core/money.ts'
import { contentHash } from '../../schema/ledger/wallet.ts'
import { migrate } from '../../schema/migrate.ts'
import { emptyDatabase } from '../support/database.ts'
import { timescaleMode } from '../support/server.ts'
import { migrateBefore } from './migrate-before.ts'

const TIME = new Date('2026-02-10T00:00:00.123Z')
const HAPPENING: CreditHappening = {
  kind: 'reclassification',
  idempotencyKey: 'reclassification:4:12',
  effectiveAt: TIME.getTime() * 1000,
  event: { eventId: 'evt_"é"', revision: 2, time: TIME.toISOString() },
}
const POSTINGS: readonly Posting[] = [
  { source: 'usage', destination: 'grant:2', amount: new Decimal('20.5'), reverses: 4 },
  { source: 'grant:3', destination: 'usage', amount: new Decimal('20.5'), reverses: null },
]

test('exchanges become reclassifications that say what their hash was taken of', async () => {
  const database = await emptyDatabase()
  try {
    await migrateBefore(database.url, 52)
    const before = { ...HAPPENING, kind: 'exchange' } as unknown as CreditHappening
    await database.pool.query(
      `insert into aforo_store.credit_transactions (tenant_id, customer_id, transaction_no, kind, idempotency_key,
         content_hash, effective_at, recorded_at, event_id, revision, event_time)
       values ('default', 'acme', 12, 'exchange', 'exchange:4:12', $1, $2, $2, $3, 2, $2)`,
      [contentHash(before, POSTINGS), TIME, HAPPENING.event!.eventId],
    )
    for (const [i, { source, destination, amount, reverses }] of POSTINGS.entries()) {
      await database.pool.query(
        `insert into aforo_store.credit_postings
           (tenant_id, customer_id, entry_no, entry_id, transaction_no, source, destination, amount, reverses, balance,
            recorded_at)
         values ('default', 'acme', $1, 'ent_' || $1::bigint, 12, $2, $3, $4, $5, 80, $6)`,
        [12 + i, source, destination, decimalText(amount), reverses, TIME],
      )
    }
    await migrate(database.url, { timescale: timescaleMode() })
    const { rows } = await database.pool.query(
      'select kind, idempotency_key, content_hash from aforo_store.credit_transactions',
    )
    expect(rows).toEqual([
      {
        kind: HAPPENING.kind,
        idempotency_key: HAPPENING.idempotencyKey,
        content_hash: contentHash(HAPPENING, POSTINGS),
      },
    ])
  } finally {
    await database.drop()
  }
})
