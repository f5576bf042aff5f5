-- When the event of a session began decides the month of all its calls: a check asks for it by the session's name, which
-- may be longer than a row of an index. Events that are cut, and what is open and has no event yet.
create index session_events_by_session on aforo_store.session_events
  (tenant_id, hashtextextended(session_id, 0));
--> statement-breakpoint
create index open_spend_by_session on aforo_store.open_spend (tenant_id, hashtextextended(session_id, 0))
  where session_id is not null and event_id = '';
