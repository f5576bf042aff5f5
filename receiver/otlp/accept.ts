import type { TenantId } from '../../core/ids.ts'
import type { Log } from '../../core/log.ts'
import type { Span } from '../../core/span.ts'
import type { Usage } from '../../core/usage.ts'
import type { ReceiverMetrics } from '../metrics.ts'
import { type Accepted, ALL_ACCEPTED, type Encoding } from './answer.ts'

/** Spans a decoder made of a body. */
export interface DecodedSpans {
  readonly length: number
  span(i: number): Span
  /** Spans without usable ids: they can never be billed. */
  readonly rejected: readonly { readonly reason: string }[]
}

/** What happens to a body once it is here: the way from bytes to durable rows. */
export interface AcceptSteps {
  /** @throws AforoError `invalid_argument` for a malformed body */
  readonly decode: Readonly<Record<Encoding, (body: Buffer) => DecodedSpans>>
  /** Null for a span that cannot matter to any trace. */
  readonly toUsage: (span: Span, tenant: TenantId) => Usage | null
  /** Resolves once the rows are durable. @throws AforoError `unavailable` */
  readonly append: (tenant: TenantId, usages: readonly Usage[], receivedAt: Date) => Promise<void>
  readonly metrics: ReceiverMetrics
  readonly log: Log
  readonly now: () => Date
}

/**
 * Takes the body of an export request. It resolves when its spans are durable, and not before.
 *
 * @throws AforoError `invalid_argument` where the same bytes fail for ever, `unavailable` where they may succeed later
 */
export type Accept = (tenant: TenantId, body: Buffer, encoding: Encoding) => Promise<Accepted>

export function createAccept(steps: AcceptSteps): Accept {
  const { metrics } = steps
  return async (tenant, body, encoding) => {
    metrics.batches.inc({ encoding })
    metrics.bytes.inc({ encoding }, body.length)
    if (body.length === 0) return ALL_ACCEPTED
    const spans = steps.decode[encoding](body)
    const reasons = spans.rejected.map((rejected) => rejected.reason)
    const usages = usagesOf(spans, tenant, steps, reasons)
    metrics.received.inc(spans.length + spans.rejected.length)
    if (usages.length > 0) await steps.append(tenant, usages, steps.now())
    if (reasons.length === 0) return ALL_ACCEPTED
    metrics.rejected.inc(reasons.length)
    return { rejectedSpans: reasons.length, message: rejection(reasons) }
  }
}

/** A span that no code of ours can read is set aside alone: the rest of its batch is kept. */
function usagesOf(spans: DecodedSpans, tenant: TenantId, steps: AcceptSteps, reasons: string[]): Usage[] {
  const usages: Usage[] = []
  for (let i = 0; i < spans.length; i++) {
    const span = spans.span(i)
    try {
      const usage = steps.toUsage(span, tenant)
      if (usage !== null) usages.push(usage)
    } catch (error) {
      steps.log.error({ err: error, tenant, trace: span.traceId, span: span.spanId }, 'span cannot be read')
      reasons.push('unreadable')
    }
  }
  return usages
}

function rejection(reasons: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  const list = [...counts].map(([reason, count]) => `${count} ${reason}`).join(', ')
  return `spans left out: ${list}`
}
