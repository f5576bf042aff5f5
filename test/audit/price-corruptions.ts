import type { Corruption } from './corruption.ts'

/** Changes of what catalogues proposed and what came of it. */
export const PRICE_CORRUPTIONS: readonly Corruption[] = [
  [
    'adjustment’s quantity',
    `update aforo_store.cogs_adjustments set quantity = quantity + 1 where event_id = (select min(event_id) from aforo_store.cogs_adjustments)`,
    'cogs_adjustments',
    'event',
    /^evt_/,
  ],
  [
    'adjustment’s amounts',
    `update aforo_store.cogs_adjustments set new_amount = new_amount + 1e-18, delta = delta + 1e-18`,
    'cogs_adjustments',
    'event',
    /^evt_/,
  ],
  ['adjustment gone', `delete from aforo_store.cogs_adjustments`, 'cogs_adjustments', 'event', /^evt_/],
  [
    'adjustment’s customer',
    `update aforo_store.cogs_adjustments set customer_id = 'globex' where customer_id = 'acme'`,
    'cogs_adjustments',
    'event',
    /^evt_/,
  ],
  [
    'adjustment’s approver',
    `update aforo_store.cogs_adjustments set approver = 'eve'`,
    'cogs_adjustments',
    'adjustment',
    /^\d+$/,
  ],
  [
    'adjustment’s row',
    `update aforo_store.cogs_adjustments set new_price_row_id = old_price_row_id`,
    'cogs_adjustments',
    'adjustment',
    /^\d+$/,
  ],
  [
    'decision taken back behind its adjustments',
    `update aforo_store.price_decisions set decision = 'rejected' where decision = 'approved'`,
    'cogs_adjustments',
    'adjustment',
    /^\d+$/,
  ],
  [
    'decision gone',
    `delete from aforo_store.price_decisions where decision = 'approved'`,
    'cogs_adjustments',
    'adjustment',
    /^\d+$/,
  ],
  [
    'proposal’s price',
    `update aforo_store.price_proposals set changes = jsonb_set(changes, '{0,new,unit_price}', '"13"')`,
    'proposals',
    'proposal',
    /^\d+$/,
  ],
  [
    'proposal’s reasons to be held',
    `update aforo_store.price_proposals set held = '{}'`,
    'proposals',
    'proposal',
    /^\d+$/,
  ],
  [
    'import’s digest',
    `update aforo_store.price_imports set source_digest = repeat('0', 64)`,
    'proposals',
    'proposal',
    /^\d+$/,
  ],
  [
    'row that a proposal put into the book',
    `update aforo_store.price_rows set model = 'another' where source_digest in (select source_digest from aforo_store.price_imports)`,
    'proposals',
    'proposal',
    /^\d+$/,
  ],
]
