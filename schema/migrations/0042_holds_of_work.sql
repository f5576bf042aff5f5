-- A hold for several model calls is not over with the first of them: what its spans have told of is no longer held of it.
alter table aforo_store.budget_holds
  add column of_work boolean not null default false,
  add column told jsonb;
