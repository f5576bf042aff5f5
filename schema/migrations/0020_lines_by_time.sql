-- Lines are the most rows there are, and two entries of an index per line cost the database more than the lines. All
-- lines of an event are at its time, which its ratings and revisions tell: one index by time finds them, for one
-- event as for a range, and as usage is mostly rated in the order of its time, it grows at its end. That a revision is
-- booked once is the key of `ratings`, which the same transaction writes. The index ascends, so that its last page is
-- the one that fills.
alter table aforo_store.cost_lines drop constraint cost_lines_pkey;
--> statement-breakpoint
alter table aforo_store.price_lines drop constraint price_lines_pkey;
--> statement-breakpoint
alter table aforo_store.event_lines drop constraint event_lines_pkey;
--> statement-breakpoint
drop index aforo_store.cost_lines_by_time;
--> statement-breakpoint
drop index aforo_store.event_lines_by_time;
--> statement-breakpoint
create index cost_lines_by_time on aforo_store.cost_lines (tenant_id, time);
--> statement-breakpoint
create index price_lines_by_time on aforo_store.price_lines (tenant_id, time);
--> statement-breakpoint
create index event_lines_by_time on aforo_store.event_lines (tenant_id, time);
