-- What the rating writes most, it indexes least: an index entry with keys in random order costs the database as much
-- as the row. Lines of a subscription's period are found through the ratings of its events, one entry per revision
-- instead of one per line: whatever stands under a subscription, some rating of that event names it.
drop index aforo_store.price_lines_by_period;
--> statement-breakpoint
create index ratings_by_period on aforo_store.ratings (tenant_id, subscription_id, period_start)
  where subscription_id is not null;
--> statement-breakpoint
-- A counter is written again with every batch: room on its page keeps its index out of it.
alter table aforo_store.meter_counters set (fillfactor = 50);
