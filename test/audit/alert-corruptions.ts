import type { Corruption } from './corruption.ts'

/** Of the alerts that `fillBooks` has: one rule that warns of the tenant, one that did and does not any more. */
export const ALERT_CORRUPTIONS: readonly Corruption[] = [
  [
    'alert state',
    `update aforo_store.alert_states set state = 'block' where rule_id = 'unpriced'`,
    'alerts',
    'alert state',
    'unpriced/',
  ],
  [
    'alert state’s beginning',
    `update aforo_store.alert_states set since = since + interval '1 ms' where rule_id = 'unpriced'`,
    'alerts',
    'alert state',
    'unpriced/',
  ],
  [
    'alert state gone',
    `delete from aforo_store.alert_states where rule_id = 'unpriced'`,
    'alerts',
    'alert state',
    'unpriced/',
  ],
  [
    'alert state that nobody told of',
    `insert into aforo_store.alert_states values ('default', 'relaxed', '', 'warn', 2, '2026-11-23T12:00:57Z')`,
    'alerts',
    'alert state',
    'relaxed/',
  ],
  [
    'alert’s state',
    `update aforo_store.alerts set state = 'block' where rule_id = 'relaxed' and alert_no = 1`,
    'alerts',
    'alert',
    'relaxed/2',
  ],
  [
    'alert’s kind',
    `update aforo_store.alerts set kind = 'quota' where rule_id = 'relaxed' and alert_no = 1`,
    'alerts',
    'alert',
    'relaxed/1',
  ],
  [
    'alert gone',
    `delete from aforo_store.alerts where rule_id = 'relaxed' and alert_no = 1`,
    'alerts',
    'alert rule',
    'relaxed',
  ],
  [
    'alert rule’s version gone',
    `delete from aforo_store.alert_rule_versions where rule_id = 'relaxed' and version = 1`,
    'alerts',
    'alert',
    'relaxed/1',
  ],
  [
    'alert rule that nobody looks at',
    `delete from aforo_store.alert_watches where rule_id = 'unpriced'`,
    'alerts',
    'alert rule',
    'unpriced',
  ],
]
