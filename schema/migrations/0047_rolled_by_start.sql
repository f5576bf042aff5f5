-- What is carried over is kept apart by when it began, so a period has a rolled grant for each start. What was carried over
-- before has one for all, and goes on under the start that it has.
drop index aforo_store.credit_grants_once;
--> statement-breakpoint
create unique index credit_grants_once on aforo_store.credit_grants
  (tenant_id, customer_id, subscription_id, rule, period_start, rolled, effective_at) where rule is not null;
