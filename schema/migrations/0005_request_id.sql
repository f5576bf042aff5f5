-- The request as the provider numbers it, beside the response: a client and a provider's own span that tell of one call
-- may have nothing else in common.
alter table aforo_store.usage_journal add column request_id text;
