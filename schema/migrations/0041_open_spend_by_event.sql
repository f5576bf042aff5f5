-- What ratings hold of an open trace is taken back by the event that holds it: a trace that moves from one session to
-- another is held by both until the last of them is rated. Empty: all that the trace comes to.
alter table aforo_store.open_spend add column event_id text not null default '';
--> statement-breakpoint
update aforo_store.open_spend open
set event_id = coalesce((
  select session_event_id from aforo_store.traces trace
  where trace.tenant_id = open.tenant_id and trace.trace_id = open.trace_id), 'evt_' || encode(trace_id, 'hex'))
where taken_back;
--> statement-breakpoint
alter table aforo_store.open_spend drop constraint open_spend_pkey;
--> statement-breakpoint
alter table aforo_store.open_spend add primary key (tenant_id, trace_id, event_id);
--> statement-breakpoint
alter table aforo_store.open_spend drop column taken_back;
--> statement-breakpoint
-- Until they are looked at, rows that were written before have what was rated taken off instead of taken back.
insert into aforo_store.spend_queue (tenant_id, trace_id, not_before)
select distinct tenant_id, trace_id, timestamptz '-infinity' from aforo_store.open_spend;
