import type { Span } from '../../core/span.ts'
import {
  type Anomaly,
  type InputConvention,
  NO_TOKENS,
  type TokenBuckets,
  type Usage,
} from '../../core/usage.ts'
import { REASONING_PARTS_KEY } from '../decode/keys.ts'
import { type AttributionKeys, attributionOf, textOf } from './attribution.ts'
import { type Bucketed, toBuckets } from './buckets.ts'
import { type Classification, classify } from './classify.ts'
import type { CompiledDialect } from './compile.ts'
import type { Fact } from './dialect.ts'
import { readAmount } from './numbers.ts'
import { isGoogle, providerName, tierName } from './providers.ts'
import { type RawReading, readRawUsage } from './raw-usage.ts'
import { recognise } from './recognise.ts'
import { readUnits } from './units.ts'

export const STATED_TIER = 'aforo.service_tier'
export const STATED_COST = 'aforo.cost_usd'
export const REGION = 'cloud.region'
export const HTTP_STATUS = ['http.response.status_code', 'http.status_code'] as const
export const ERROR_TYPE = 'error.type'

/**
 * One span, normalised into a row of the usage journal. Pure; keeps values of the span, never the span. A span no dialect
 * reads is of class `other` with the empty dialect: its place in the tree and its attribution still count.
 */
export function toUsage(span: Span, keys: AttributionKeys): Usage {
  const compiled = recognise(span)
  return compiled === null ? ofUnknown(span, keys) : ofDialect(span, compiled, keys)
}

function ofUnknown(span: Span, keys: AttributionKeys): Usage {
  const anomalies: Anomaly[] = []
  const quantities = readUnits(span, [], anomalies)
  if (Object.keys(quantities).length > 0) {
    anomalies.push({ kind: 'unclassified_usage', spanId: span.spanId, reason: 'quantity_outside_call' })
  }
  return { ...shapeOf(span), ...attributionOf(span, keys), ...NOTHING, quantities, anomalies }
}

function ofDialect(span: Span, compiled: CompiledDialect, keys: AttributionKeys): Usage {
  const model = modelsOf(span, compiled)
  let reading: RawReading | null = null
  const read = (): RawReading => {
    reading ??= readRawUsage(span, compiled)
    return reading
  }
  const is = classify(
    span,
    compiled,
    () => (model.requestModel ?? model.responseModel) !== null && read().stated,
  )
  const named = is.usageClass !== 'other' || is.serverSide
  if (!named) return ofUnknown(span, keys)

  const anomalies: Anomaly[] = []
  const usage =
    is.readsUsage && is.usageClass !== 'tool'
      ? meter(span, compiled, is, model, read(), anomalies)
      : UNMETERED
  const failed = span.failed || compiled.hasFailed(span)
  const quantities = readUnits(span, compiled.units, anomalies)
  return {
    ...shapeOf(span),
    ...attributionOf(span, keys),
    ...model,
    ...usage,
    failed,
    errorType: failed ? errorTypeOf(span, compiled) : null,
    usageClass: is.usageClass,
    agentBoundary: is.agentBoundary,
    plan: is.plan,
    dialect: compiled.dialect.id,
    responseId: fact(span, compiled, 'responseId'),
    estimated: compiled.isEstimate(span),
    reasoningParts: reasoningPartsOf(span),
    quantities,
    ...termsOf(span, compiled),
    ...toolOf(span, compiled, is),
    agent: fact(span, compiled, 'agent'),
    anomalies,
  }
}

function shapeOf(span: Span) {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    name: span.name,
    kind: span.kind,
    failed: span.failed,
    startNano: span.startNano,
    endNano: span.endNano,
    scopeName: span.scopeName,
    scopeVersion: span.scopeVersion,
    serviceName: resourceText(span, 'service.name'),
    serviceInstance: resourceText(span, 'service.instance.id'),
    region: textOf(span, REGION),
  }
}

const UNMETERED: Metering = {
  metered: false,
  buckets: NO_TOKENS,
  totalTokens: null,
  inputConvention: 'assumed',
}

const NOTHING = {
  ...UNMETERED,
  errorType: null,
  usageClass: 'other',
  agentBoundary: false,
  dialect: '',
  provider: null,
  requestModel: null,
  responseModel: null,
  responseId: null,
  estimated: false,
  reasoningParts: null,
  plan: false,
  serviceTier: null,
  reportedCost: null,
  reportedCostKey: null,
  toolName: null,
  toolCallId: null,
  toolType: null,
  agent: null,
} as const

interface Metering {
  readonly metered: boolean
  readonly buckets: TokenBuckets
  readonly totalTokens: number | null
  readonly inputConvention: InputConvention
}

interface Models {
  readonly provider: string | null
  readonly requestModel: string | null
  readonly responseModel: string | null
}

function modelsOf(span: Span, compiled: CompiledDialect): Models {
  const provider = fact(span, compiled, 'provider')
  return {
    provider: provider === null ? null : providerName(provider),
    requestModel: fact(span, compiled, 'requestModel'),
    responseModel: fact(span, compiled, 'responseModel'),
  }
}

/**
 * A span that states zeros is not metered: clients write them where an answer was cut short or told no usage, and a
 * request that consumed nothing is no call.
 */
function meter(
  span: Span,
  compiled: CompiledDialect,
  is: Classification,
  models: Models,
  reading: RawReading,
  anomalies: Anomaly[],
): Metering {
  for (const reason of reading.faults) anomalies.push({ kind: 'bad_number', spanId: span.spanId, reason })
  for (const reason of reading.doubts)
    anomalies.push({ kind: 'usage_ambiguous', spanId: span.spanId, reason })
  const bucketed = bucketsOf(compiled, is, models, reading)
  const metered = reading.stated && sum(bucketed.buckets) > 0
  if (metered) {
    for (const reason of bucketed.doubts)
      anomalies.push({ kind: 'usage_ambiguous', spanId: span.spanId, reason })
    if (is.serverSide)
      anomalies.push({ kind: 'unclassified_usage', spanId: span.spanId, reason: 'server_side' })
  }
  return {
    metered,
    buckets: metered ? bucketed.buckets : NO_TOKENS,
    totalTokens: reading.raw.total,
    inputConvention: bucketed.inputConvention,
  }
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

function sum(buckets: TokenBuckets): number {
  return Object.values(buckets).reduce((total: number, tokens: number) => total + tokens, 0)
}

function fact(span: Span, compiled: CompiledDialect, which: Fact): string | null {
  for (const key of compiled.facts[which]) {
    const value = span.attribute(key)
    if (value !== undefined && value !== '') return String(value)
  }
  return null
}

function resourceText(span: Span, key: string): string | null {
  const value = span.resource(key)
  return value === undefined || value === '' ? null : String(value)
}

function reasoningPartsOf(span: Span): number | null {
  const parts = span.attribute(REASONING_PARTS_KEY)
  return typeof parts === 'number' ? parts : null
}

/** An HTTP status says more than a class name, where there is one. */
function errorTypeOf(span: Span, compiled: CompiledDialect): string | null {
  for (const key of HTTP_STATUS) {
    const status = Number(span.attribute(key))
    if (status >= 400 && status <= 599) return String(status)
  }
  const errorType = span.attribute(ERROR_TYPE)
  if (errorType !== undefined && errorType !== '') return String(errorType)
  const { failureText, failedAs } = compiled.dialect
  const text = failureText === undefined ? undefined : span.attribute(failureText)
  const status = /\b[45]\d\d\b/.exec(String(text ?? ''))
  if (status !== null) return status[0]
  return failedAs !== undefined && compiled.isFailedAs(span) ? failedAs.errorType : null
}

/** Tier and cost: what bears on the price of the call beside its tokens. */
function termsOf(span: Span, compiled: CompiledDialect) {
  const tier = textOf(span, STATED_TIER) ?? fact(span, compiled, 'serviceTier')
  const costKeys = [STATED_COST, ...compiled.facts.cost]
  for (const key of costKeys) {
    const value = span.attribute(key)
    const amount = value === undefined ? null : readAmount(value)
    if (amount !== null) {
      return {
        serviceTier: tier === null ? null : tierName(tier),
        reportedCost: amount,
        reportedCostKey: key,
      }
    }
  }
  return { serviceTier: tier === null ? null : tierName(tier), reportedCost: null, reportedCostKey: null }
}

function toolOf(span: Span, compiled: CompiledDialect, is: Classification) {
  if (is.usageClass !== 'tool') return { toolName: null, toolCallId: null, toolType: null }
  const name = fact(span, compiled, 'toolName') ?? span.name.replace(/^(?:execute_tool|tools\/call)\s+/, '')
  return {
    toolName: name,
    toolCallId: fact(span, compiled, 'toolCallId'),
    toolType: fact(span, compiled, 'toolType'),
  }
}
