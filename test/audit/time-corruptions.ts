import { traceIdOf } from '../support/usages.ts'
import type { Corruption } from './corruption.ts'
import { evt, ofEvent, ofTrace } from './corruptions.ts'

/** Rows that say another time: so far off that whoever looks at a period does not meet them in it. */

const LATE = ofEvent('late')
const ELSEWHEN = '2026-09-23T12:00:00Z'

/** A row goes and comes again: one table may keep its days apart, and no update moves a row from one to another. */
const moved = (table: string, where: string) =>
  `with gone as (delete from aforo_store.${table} whole where ${where} returning whole as row)
   insert into aforo_store.${table}
   select (jsonb_populate_record(row, '{"time": "${ELSEWHEN}"}')).* from gone`

export const TIME_CORRUPTIONS: readonly Corruption[] = [
  [
    'trace’s event time out of the period',
    `update aforo_store.traces set event_time = '${ELSEWHEN}' where ${ofTrace('late')}`,
    'event_totals',
    'event',
    evt('late'),
  ],
  ['event out of the period', moved('events', LATE), 'queue', 'revision', `${evt('late')}#0`],
  [
    'event’s revision out of the period',
    moved('events', `${LATE} and revision = 1`),
    'event_totals',
    'event',
    evt('late'),
  ],
  [
    'trace and event out of the period',
    `with trace as (update aforo_store.traces set event_time = '${ELSEWHEN}' where ${ofTrace('late')}),
     ${moved('events', LATE).slice('with '.length)}`,
    'queue',
    'revision',
    `${evt('late')}#0`,
  ],
  ['event gone', `delete from aforo_store.events where ${LATE}`, 'queue', 'revision', `${evt('late')}#1`],
  [
    'event of no trace',
    `update aforo_store.events set trace_id = decode('${traceIdOf('nowhere')}', 'hex') where ${LATE}`,
    'event_totals',
    'event',
    evt('late'),
  ],
  [
    'rating out of the period',
    moved('ratings', `${LATE} and revision = 1`),
    'queue',
    'revision',
    `${evt('late')}#1`,
  ],
  ...(['cost_lines', 'price_lines', 'event_lines'] as const).map(
    (table): Corruption => [
      `${table} out of the period`,
      moved(table, `${LATE} and revision = 0 and line_no = 0`),
      'sums',
      'revision',
      `${evt('late')}#0`,
    ],
  ),
  [
    'event lines gone',
    `delete from aforo_store.event_lines where ${LATE}`,
    'event_lines',
    'event',
    evt('late'),
  ],
  [
    'journal row out of the period',
    moved('usage_journal', ofTrace('globex')),
    'traces',
    'trace',
    traceIdOf('globex'),
  ],
]
