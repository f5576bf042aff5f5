import type { Corruption } from './corruption.ts'

/** Finalised invoices are kept by triggers: whoever corrupts one has to turn them off. */
const UNKEPT = `(select set_config('session_replication_role', 'replica', true)) is not null`
const INVOICE = /^inv_[0-9a-f]{24}$/

export const INVOICE_CORRUPTIONS: readonly Corruption[] = [
  [
    'invoice’s tax',
    `update aforo_store.invoices set tax = tax + 1, total = total + 1, amount_due = amount_due + 1 where ${UNKEPT} and number = 1`,
    'invoices',
    'invoice',
    INVOICE,
  ],
  [
    'invoice’s words',
    `update aforo_store.invoices set document = jsonb_set(document, '{buyer,name}', '"Mallory"') where ${UNKEPT} and number = 1`,
    'invoices',
    'invoice',
    INVOICE,
  ],
  [
    'invoice’s cutoff',
    `update aforo_store.invoices set cutoff = '2026-11-23T12:00:01Z' where ${UNKEPT} and number = 1`,
    'invoice_lines',
    'invoice',
    INVOICE,
  ],
  [
    'invoice gone',
    `delete from aforo_store.invoices where ${UNKEPT} and number = 1`,
    'invoice_numbers',
    'series',
    'invoice',
  ],
  [
    'invoice line’s amount',
    `update aforo_store.invoice_lines set amount = amount + 1, residual = residual - 1 where ${UNKEPT} and line_no = 1`,
    'invoice_lines',
    'invoice',
    INVOICE,
  ],
  [
    'invoice’s period',
    `update aforo_store.invoice_periods set owed = owed + 1e-18 where ${UNKEPT}`,
    'invoice_periods',
    'invoice',
    INVOICE,
  ],
  [
    'beginning of what an invoice bills',
    `update aforo_store.invoice_periods set period_start = period_start + interval '1 hour' where ${UNKEPT}`,
    'invoice_periods',
    'invoice',
    INVOICE,
  ],
  [
    'invoice’s customer',
    `update aforo_store.invoices set customer_id = 'umbrella' where ${UNKEPT} and number = 1`,
    'invoices',
    'invoice',
    INVOICE,
  ],
  [
    'invoice’s end',
    `update aforo_store.invoices set period_to = period_to + interval '1 day' where ${UNKEPT} and number = 1`,
    'invoices',
    'invoice',
    INVOICE,
  ],
  [
    'invoice line gone',
    `delete from aforo_store.invoice_lines where ${UNKEPT} and line_no = 1`,
    'invoice_lines',
    'invoice',
    INVOICE,
  ],
  [
    'invoice line’s time',
    `update aforo_store.invoice_lines set period_from = period_from - interval '1 day' where ${UNKEPT} and line_no = 1`,
    'invoice_lines',
    'invoice',
    INVOICE,
  ],
  [
    'what an invoice bills gone',
    `delete from aforo_store.invoice_periods where ${UNKEPT}`,
    'invoice_lines',
    'invoice',
    INVOICE,
  ],
  [
    'kind of what paid an invoice',
    `update aforo_store.credit_grants set kind = case kind when 'paid' then 'promo' else 'paid' end`,
    'invoice_periods',
    'invoice',
    INVOICE,
  ],
  [
    'number of a series',
    `update aforo_store.invoice_series set last_number = last_number + 1`,
    'invoice_numbers',
    'series',
    'invoice',
  ],
  [
    'rated line behind an invoice',
    `update aforo_store.price_lines set amount = amount + 1 where meter_no = 1 and customer_id = 'globex'`,
    'invoice_periods',
    'invoice',
    INVOICE,
  ],
]
