-- Holds of which more was used than was held: metrics add them up.
create index budget_hold_takes_over on aforo_store.budget_hold_takes (unit) include (over) where over > 0;
