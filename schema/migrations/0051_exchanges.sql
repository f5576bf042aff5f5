-- Usage that took credits which usage of an earlier period, told later, could have only, gets newer ones for them.
alter table aforo_store.credit_transactions
  drop constraint credit_transactions_kind_check,
  add constraint credit_transactions_kind_check
    check (kind in ('grant', 'usage', 'correction', 'exchange', 'expiry', 'rollover', 'void'));
