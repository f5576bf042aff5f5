import { sessionEventIdOf } from '../../core/ids.ts'
import { shortHash } from '../../receiver/cut/sighting-rows.ts'
import { traceIdOf } from '../support/usages.ts'
import type { Corruption } from './corruption.ts'
import { evt, ofEvent, ofTrace } from './corruptions.ts'

const CHAT = sessionEventIdOf(shortHash(JSON.stringify(['bot', 'chat', 'acme'])), 0)
const OF_SESSION = `event_id = '${CHAT}'`

/** Changes of what makes traces into the events of sessions. */
export const SESSION_CORRUPTIONS: readonly Corruption[] = [
  [
    'product’s grouping',
    `update aforo_store.product_settings set group_by = 'trace'`,
    'sessions',
    'trace',
    traceIdOf('turn 1'),
  ],
  [
    'session event’s revision',
    `update aforo_store.session_events set revision = revision - 1 where ${OF_SESSION}`,
    'event_totals',
    'event',
    CHAT,
  ],
  [
    'session event’s count',
    `update aforo_store.session_events set trace_count = 9 where ${OF_SESSION}`,
    'sessions',
    'event',
    CHAT,
  ],
  [
    'session event gone',
    `delete from aforo_store.session_events where ${OF_SESSION}`,
    'event_totals',
    'event',
    CHAT,
  ],
  [
    'session’s event revision gone',
    `delete from aforo_store.events where ${OF_SESSION} and revision = 0`,
    'event_totals',
    'event',
    CHAT,
  ],
  [
    'session’s event assembly',
    `update aforo_store.events set assembly = jsonb_set(assembly, '{joined,counted}', '7') where ${OF_SESSION}`,
    'sessions',
    'event',
    CHAT,
  ],
  [
    'what a trace brought',
    `update aforo_store.contributions set assembly = jsonb_set(assembly, '{calls,0,buckets,outputText}', '7') where ${ofTrace('turn 1')}`,
    'sessions',
    'trace',
    traceIdOf('turn 1'),
  ],
  [
    'what a trace brought gone',
    `delete from aforo_store.contributions where ${ofTrace('turn 1')}`,
    'sessions',
    'trace',
    traceIdOf('turn 1'),
  ],
  [
    'what an event gave up to a session',
    `update aforo_store.events set input_tokens = 0 where ${ofEvent('over')} and revision = 1`,
    'event_totals',
    'event',
    evt('over'),
  ],
  [
    'trace out of its session',
    `update aforo_store.traces set session_event_id = null where ${ofTrace('turn 1')}`,
    'sessions',
    'trace',
    traceIdOf('turn 1'),
  ],
]
