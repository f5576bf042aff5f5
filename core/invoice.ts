/** Invoices and credit notes. Amounts and quantities are decimal text, instants RFC 3339 in UTC, `to` is excluded. */

export const INVOICE_KINDS = ['invoice', 'credit_note'] as const
export type InvoiceKind = (typeof INVOICE_KINDS)[number]

export const INVOICE_STATUSES = ['draft', 'open', 'paid', 'void', 'uncollectible'] as const
export type InvoiceStatus = (typeof INVOICE_STATUSES)[number]

/** What may be done to an invoice, and the states from which it may. */
export const INVOICE_STEPS = {
  finalize: { from: ['draft'], to: 'open' },
  pay: { from: ['open', 'uncollectible'], to: 'paid' },
  void: { from: ['open', 'uncollectible'], to: 'void' },
  uncollectible: { from: ['open'], to: 'uncollectible' },
} as const satisfies Record<string, { from: readonly InvoiceStatus[]; to: InvoiceStatus }>
export type InvoiceStep = keyof typeof INVOICE_STEPS

/** Whether a step is allowed in a state. */
export function mayStep(step: InvoiceStep, status: InvoiceStatus): boolean {
  return (INVOICE_STEPS[step].from as readonly InvoiceStatus[]).includes(status)
}

/** Who sells, as a tenant states it. */
export interface Seller {
  readonly name?: string
  readonly address?: string
  readonly tax_id?: string
  /** Days from the finalisation until an invoice is due. Default 30. */
  readonly payment_days?: number
}

export const PAYMENT_DAYS_DEFAULT = 30

/** Whom an invoice is from or to. */
export interface InvoiceParty {
  readonly name: string | null
  readonly address: string | null
  readonly tax_id: string | null
}

/**
 * `usage`: what a meter counted of a model or tool. `late`: what became of a period after its invoice was finalised.
 * `billed_before`: what other invoices have billed of this period already. `overage`: what a credit beyond the grants
 * costs above the plan's rate. The others are the adjustments of a period's end.
 */
export const INVOICE_LINE_KINDS = [
  'usage',
  'standing',
  'proration',
  'capacity',
  'commitment_overage',
  'commitment_true_up',
  'maximum',
  'minimum',
  'overage',
  'billed_before',
  'late',
] as const
export type InvoiceLineKind = (typeof INVOICE_LINE_KINDS)[number]

export interface InvoiceLine {
  readonly line_no: number
  readonly kind: InvoiceLineKind
  readonly description: string
  /** How it was counted, in words: the price of the plan's meter. */
  readonly pricing: string | null
  readonly plan: string | null
  readonly plan_version: number | null
  readonly meter_no: number | null
  readonly meter: string | null
  readonly provider: string | null
  readonly model: string | null
  readonly tool: string | null
  readonly quantity: string | null
  readonly unit: string | null
  /** Before rounding. */
  readonly amount_exact: string
  /** Rounded once to the currency, half away from zero. */
  readonly amount: string
  /** `amount_exact` less `amount`. */
  readonly residual: string
  /** Of the usage: on a late line the period it was used in. */
  readonly period_from: string
  readonly period_to: string
  /** Of a late line: the number of the invoice of that period. */
  readonly refers_to: string | null
}

/** What a person should know before finalising. */
export interface InvoiceWarning {
  readonly kind: string
  readonly count: number
  /** Of this customer, or of nobody in particular. */
  readonly scope: 'customer' | 'tenant'
}

/** What an invoice says in each of its forms. Frozen and hashed when it is finalised. */
export interface InvoiceDocument {
  readonly kind: InvoiceKind
  /** Null: a draft. */
  readonly number: string | null
  /** Of a credit note: the invoice it was made beside; null where it was made by itself. */
  readonly beside: string | null
  readonly customer: string
  readonly seller: InvoiceParty
  readonly buyer: InvoiceParty
  readonly currency: string
  readonly period_from: string
  readonly period_to: string
  readonly timezone: string
  /** What was rated or posted before this instant is in it. Null: a draft. */
  readonly cutoff: string | null
  readonly issued_at: string | null
  readonly due_at: string | null
  readonly lines: readonly InvoiceLine[]
  /** Σ of the lines before rounding, and of what rounding left over. */
  readonly amount_exact: string
  readonly residual: string
  /** Σ of the lines. */
  readonly subtotal: string
  /** What promotional credits paid. */
  readonly discount: string
  readonly taxable: string
  readonly tax_label: string
  readonly tax_rate_pct: string
  readonly tax: string
  readonly total: string
  /** What paid credits paid. */
  readonly credits_applied: string
  readonly amount_due: string
  readonly warnings: readonly InvoiceWarning[]
}

/** A number as it is printed: gapless within a tenant and a kind. */
export function invoiceNumber(kind: InvoiceKind, number: string | number): string {
  return `${kind === 'invoice' ? 'INV' : 'CN'}-${String(number).padStart(6, '0')}`
}
