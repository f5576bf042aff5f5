import type { Span } from '../../core/span.ts'
import { type Anomaly, type InputConvention, NO_TOKENS, type TokenBuckets } from '../../core/usage.ts'
import { type Bucketed, toBuckets } from './buckets.ts'
import type { Classification } from './classify.ts'
import type { CompiledDialect } from './compile.ts'
import type { Models } from './facts.ts'
import { isGoogle } from './providers.ts'
import type { RawReading } from './raw-usage.ts'
import { STATED } from './vocabularies.ts'

/** What a span says was used. */
export interface Metering {
  readonly metered: boolean
  readonly buckets: TokenBuckets
  readonly totalTokens: number | null
  readonly inputConvention: InputConvention
  /** An input alone, or what an answer began with: the answer of a call in text was left before its end. */
  readonly isCutShort: boolean
}

export const UNMETERED: Metering = {
  metered: false,
  buckets: NO_TOKENS,
  totalTokens: null,
  inputConvention: 'assumed',
  isCutShort: false,
}

/**
 * A span that states zeros is not metered: clients write them where an answer was cut short or told no usage, and a
 * request that consumed nothing is no call.
 */
export function meter(
  span: Span,
  compiled: CompiledDialect,
  is: Classification,
  models: Models,
  reading: RawReading,
  anomalies: Anomaly[],
): Metering {
  const tell = (kind: Anomaly['kind'], reasons: readonly string[]): void => {
    for (const reason of reasons) anomalies.push({ kind, spanId: span.spanId, reason })
  }
  tell('bad_number', reading.faults)
  tell('usage_ambiguous', reading.doubts)
  const bucketed = bucketsOf(compiled, is, models, reading)
  const metered = reading.stated && sum(bucketed.buckets) > 0
  if (metered) {
    tell('usage_ambiguous', bucketed.doubts)
    if (is.serverSide) tell('unclassified_usage', ['server_side'])
  }
  return {
    metered,
    buckets: metered ? bucketed.buckets : NO_TOKENS,
    totalTokens: reading.raw.total,
    inputConvention: bucketed.inputConvention,
    isCutShort:
      is.usageClass === 'call' && metered && (isCutShort(span, reading) || compiled.isUnfinished(span)),
  }
}

/**
 * The input is told when an answer begins, the output when it ends: where the one is there alone, nobody waited for the other.
 * What is stated outright is believed as it is.
 */
function isCutShort(span: Span, { raw }: RawReading): boolean {
  const isWhole = raw.output !== null || raw.outputText !== null || raw.total !== null
  return !isWhole && STATED.quantities.input.every((key) => span.attribute(key) === undefined)
}

function bucketsOf(
  compiled: CompiledDialect,
  is: Classification,
  models: Models,
  reading: RawReading,
): Bucketed {
  const model = models.responseModel ?? models.requestModel
  // An embedding has no output: a total without an input is its input.
  const raw =
    is.usageClass === 'embed'
      ? {
          ...reading.raw,
          input: reading.raw.input ?? reading.raw.total,
          output: reading.raw.output ?? 0,
          total: null,
        }
      : reading.raw
  return toBuckets(raw, {
    cachedInput: compiled.cachedInput(models.provider, model),
    reasoning: compiled.reasoning(models.provider, model),
    google: isGoogle(models.provider, model),
    provenExcluded: reading.provenExcluded,
  })
}

function sum(b: TokenBuckets): number {
  return b.inputUncached + b.cacheRead + b.cacheWrite + b.cacheWrite1h + b.outputText + b.outputReasoning
}
