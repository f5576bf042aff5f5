-- An exchange is what a sidecar and the centre have; that newer credits pay for later usage is a reclassification. The hash
-- of a transaction is taken of its kind too, so it is taken anew; whom, how much and when it moved stays as it is.
alter table aforo_store.credit_transactions drop constraint credit_transactions_kind_check;
--> statement-breakpoint
update aforo_store.credit_transactions transaction
set kind = 'reclassification', idempotency_key = 'reclassification' || substring(idempotency_key from 9),
  content_hash = encode(sha256(convert_to(
    '["reclassification",' || (extract(epoch from effective_at) * 1000000)::bigint || ',' || to_json(event_id) || ','
    || revision || ',"' || (
      select trim_scale(sum(amount)) from aforo_store.credit_postings posting
      where posting.tenant_id = transaction.tenant_id and posting.customer_id = transaction.customer_id
        and posting.transaction_no = transaction.transaction_no) || '"]', 'UTF8')), 'hex')
where kind = 'exchange';
--> statement-breakpoint
alter table aforo_store.credit_transactions add constraint credit_transactions_kind_check
  check (kind in ('grant', 'usage', 'correction', 'reclassification', 'expiry', 'rollover', 'void'));
