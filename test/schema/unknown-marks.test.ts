import { expect, test } from 'vitest'
import { migrate } from '../../schema/migrate.ts'
import { emptyDatabase } from '../support/database.ts'
import { timescaleMode } from '../support/server.ts'
import { migrateBefore } from './migrate-before.ts'

test('what waited for a price before its lines were marked is cut once more, and nothing else is', async () => {
  const database = await emptyDatabase()
  try {
    await migrateBefore(database.url, 48)
    for (const [no, kind, resolved] of [
      [1, 'unpriced', null],
      [2, 'unpriced', '2026-01-02'],
      [3, 'unattributed', null],
    ]) {
      await database.pool.query(
        `with trace as (
           insert into aforo_store.traces (tenant_id, trace_id, first_received_at, last_received_at, time_from, time_to,
             root_ended, has_usage, span_count, opened_at, open_span_count, revision)
           values ('default', decode(lpad($1, 32, '0'), 'hex'), now(), now(), now(), now(), true, true, 1, now(), 0, 0)
           returning tenant_id, trace_id)
         insert into aforo_store.exceptions (tenant_id, exception_id, kind, event_id, trace_id, reason, recorded_at,
           resolved_at)
         select tenant_id, $1, $2, 'evt_' || $1, trace_id, 'no_price_row', '2026-01-01', $3 from trace`,
        [String(no), kind, resolved],
      )
    }
    await migrate(database.url, { timescale: timescaleMode() })
    const { rows } = await database.pool.query(
      `select right(encode(trace_id, 'hex'), 1) as no, cut_due_at <= now() as due, completed from aforo_store.traces
       order by 1`,
    )
    expect(rows).toEqual([
      { no: '1', due: true, completed: true },
      { no: '2', due: null, completed: false },
      { no: '3', due: null, completed: false },
    ])
  } finally {
    await database.drop()
  }
})
