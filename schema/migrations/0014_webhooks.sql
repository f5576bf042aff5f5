-- Messages to others. A message is written in the transaction of what happened, with one delivery for every endpoint
-- that takes its type; deliveries are what is sent, again and again, until one is answered or the attempts are used up.
create table aforo_store.webhook_endpoints (
  tenant_id text not null,
  webhook_id text not null,
  url text not null,
  -- Types of messages it takes; null: all.
  events text[],
  recorded_at timestamptz not null,
  primary key (tenant_id, webhook_id)
);
--> statement-breakpoint
-- Whoever signs needs the secret itself. All that have not expired sign; the newest does not expire.
create table aforo_store.webhook_secrets (
  tenant_id text not null,
  webhook_id text not null,
  secret_no bigint generated always as identity,
  secret text not null,
  expires_at timestamptz,
  recorded_at timestamptz not null,
  primary key (tenant_id, webhook_id, secret_no),
  foreign key (tenant_id, webhook_id) references aforo_store.webhook_endpoints on delete cascade
);
--> statement-breakpoint
create table aforo_store.webhook_messages (
  tenant_id text not null,
  message_id text not null,
  type text not null,
  data jsonb not null,
  recorded_at timestamptz not null,
  primary key (tenant_id, message_id)
);
--> statement-breakpoint
-- attempts: begun so far; the number of an attempt names it, so its outcome is written by who made it and no one else.
-- due_at: of the next attempt; while one is under way, when it is given up for lost.
create table aforo_store.webhook_deliveries (
  tenant_id text not null,
  webhook_id text not null,
  message_id text not null,
  state text not null check (state in ('waiting', 'delivered', 'dead')),
  attempts integer not null default 0,
  attempts_max integer not null check (attempts <= attempts_max),
  due_at timestamptz not null,
  last_status integer,
  last_error text,
  recorded_at timestamptz not null,
  ended_at timestamptz,
  primary key (tenant_id, webhook_id, message_id),
  foreign key (tenant_id, webhook_id) references aforo_store.webhook_endpoints on delete cascade,
  foreign key (tenant_id, message_id) references aforo_store.webhook_messages,
  check ((ended_at is null) = (state = 'waiting'))
);
--> statement-breakpoint
create index webhook_deliveries_due on aforo_store.webhook_deliveries (tenant_id, webhook_id, due_at)
  where state = 'waiting';
--> statement-breakpoint
create index webhook_deliveries_by_time on aforo_store.webhook_deliveries
  (tenant_id, webhook_id, recorded_at desc, message_id desc);
--> statement-breakpoint
create index webhook_deliveries_by_message on aforo_store.webhook_deliveries (tenant_id, message_id);
--> statement-breakpoint
create index webhook_deliveries_ended on aforo_store.webhook_deliveries (ended_at) where ended_at is not null;
--> statement-breakpoint
create index webhook_messages_by_time on aforo_store.webhook_messages (recorded_at);
