import type { TenantId } from './ids.ts'

/** What Aforo tells others by webhook. A stage that has something new to tell adds its type here. */
export const MESSAGE_TYPES = [
  'webhook.ping',
  'credits.balance_low',
  'credits.top_up_requested',
  'invoice.finalized',
  'invoice.paid',
  'invoice.voided',
  'invoice.uncollectible',
  'alert.warned',
  'alert.blocked',
  'alert.cleared',
  'prices.noticed',
] as const
export type MessageType = (typeof MESSAGE_TYPES)[number]

/**
 * One happening, told to every endpoint that takes its type. Amounts in `data` are decimal strings, times RFC 3339.
 */
export interface Message {
  readonly tenantId: TenantId
  readonly type: MessageType
  readonly data: Readonly<Record<string, unknown>>
  /**
   * Names the happening within the tenant: the same id is the same message and is told once. Travels as `webhook-id`,
   * so letters, digits, `.`, `_`, `:`, `-`, at most 200.
   */
  readonly id: string
  readonly now: Date
}
