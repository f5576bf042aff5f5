-- With which version of the rules of assembling a trace was cut last; 0: before they were numbered.
alter table aforo_store.traces add column cut_rules integer not null default 0;
