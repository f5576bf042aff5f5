-- Who rates a trace looks whether it waits to be looked at.
create index spend_queue_traces on aforo_store.spend_queue (tenant_id, trace_id);
