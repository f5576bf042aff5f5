-- Rules that watch budgets, wallets, margins and spend. Versions are append-only; body null: ended.
create table aforo_store.alert_rule_versions (
  tenant_id text not null,
  rule_id text not null,
  version integer not null,
  body jsonb,
  recorded_at timestamptz not null,
  primary key (tenant_id, rule_id, version)
);
--> statement-breakpoint
-- When each rule is looked at next, and how far its alerts were told. Who looks at a rule holds its row until it has
-- written what became of it, so a rule is looked at by one at a time and its alerts are numbered without a gap.
--   alerts, told   numbers of the last alert, and of the last one that a message told of
--   version, seen_tx, full_at   what was looked at last: by which version, of which snapshot, when all of it the next time
--   left_out       subjects that were beyond a threshold and found no room
create table aforo_store.alert_watches (
  tenant_id text not null,
  rule_id text not null,
  due_at timestamptz not null,
  alerts bigint not null default 0 check (alerts >= told),
  told bigint not null default 0,
  told_at timestamptz,
  version integer,
  seen_tx xid8,
  full_at timestamptz,
  looked_at timestamptz,
  left_out integer not null default 0,
  failure text,
  primary key (tenant_id, rule_id)
);
--> statement-breakpoint
create index alert_watches_due on aforo_store.alert_watches (due_at);
--> statement-breakpoint
-- Every change of a state, by subject; never written again. figures: what the value was worked out of.
create table aforo_store.alerts (
  tenant_id text not null,
  rule_id text not null,
  alert_no bigint not null,
  rule_version integer not null,
  kind text not null,
  subject text not null,
  about jsonb not null,
  customer_id text,
  previous text not null check (previous in ('ok', 'warn', 'block')),
  state text not null check (state in ('ok', 'warn', 'block') and state <> previous),
  reason text not null check (reason in ('observed', 'nothing_to_judge', 'rule_ended')),
  value numeric,
  threshold numeric,
  figures jsonb not null,
  killed jsonb,
  recorded_at timestamptz not null,
  primary key (tenant_id, rule_id, alert_no)
);
--> statement-breakpoint
create index alerts_by_time on aforo_store.alerts (tenant_id, recorded_at desc, rule_id, alert_no desc);
--> statement-breakpoint
-- Subjects that are not ok, with the alert that made them so.
create table aforo_store.alert_states (
  tenant_id text not null,
  rule_id text not null,
  subject text not null,
  state text not null check (state in ('warn', 'block')),
  alert_no bigint not null,
  since timestamptz not null,
  primary key (tenant_id, rule_id, subject)
);
--> statement-breakpoint
create view aforo.alerts with (security_barrier) as
select alert.recorded_at as time, alert.rule_id as rule, alert.alert_no, alert.kind, alert.about as subject,
  alert.customer_id as customer, alert.previous, alert.state, alert.reason, alert.value, alert.threshold, alert.figures,
  now_so.alert_no is not null as open
from aforo_store.alerts alert
left join aforo_store.alert_states now_so
  on now_so.tenant_id = alert.tenant_id and now_so.rule_id = alert.rule_id and now_so.alert_no = alert.alert_no
  and now_so.subject = alert.subject
where alert.tenant_id = (select aforo_store.login_tenant());
--> statement-breakpoint
do $$
begin
  if exists (select from pg_roles where rolname = 'aforo_grafana') then
    grant select on aforo.alerts to aforo_grafana;
  end if;
end
$$;
