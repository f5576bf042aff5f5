-- The high-volume tables become hypertables where the extension is installed (the migrator installs it only on a
-- server that preloads it); on plain PostgreSQL they stay tables. Nothing else differs between the two.
do $$
declare
  series text;
begin
  if not exists (select from pg_extension where extname = 'timescaledb') then
    return;
  end if;
  foreach series in array array['usage_journal', 'events', 'ratings', 'cost_lines', 'price_lines', 'event_lines'] loop
    execute format(
      'select create_hypertable(%L::regclass, by_range(''time'', interval ''1 day''), create_default_indexes => false)',
      'aforo_store.' || series);
    execute format(
      'alter table aforo_store.%I set (timescaledb.enable_columnstore, timescaledb.segmentby = ''tenant_id'', timescaledb.orderby = ''time desc'')',
      series);
    -- A month stays uncompressed: a resend of a span into a compressed chunk costs sixty times a new one.
    execute format(
      'call add_columnstore_policy(%L::regclass, after => interval ''30 days'', if_not_exists => true)',
      'aforo_store.' || series);
  end loop;
end
$$;
