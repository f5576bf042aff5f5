import { eventIdOf } from '../../core/ids.ts'
import { traceIdOf } from '../support/usages.ts'
import type { Corruption } from './corruption.ts'

const EVENT = eventIdOf(traceIdOf('unpriced'))

/** Changes of what marks a cost or a price as unknown. */
export const UNKNOWN_CORRUPTIONS: readonly Corruption[] = [
  [
    'rating’s price that waits for a cost',
    `update aforo_store.ratings set uncharged = null where event_id = '${EVENT}'`,
    'ratings',
    'event',
    EVENT,
  ],
  [
    'event line’s cost that nobody knows',
    `update aforo_store.event_lines set unpriced = null where event_id = '${EVENT}' and unpriced = 1`,
    'event_lines',
    'event',
    EVENT,
  ],
  [
    'event line’s price that waits for a cost',
    `update aforo_store.event_lines set uncharged = null where event_id = '${EVENT}' and uncharged = 1`,
    'event_lines',
    'event',
    EVENT,
  ],
]
