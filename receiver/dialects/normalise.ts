import type { Span } from '../../core/span.ts'
import type { Anomaly, Usage } from '../../core/usage.ts'
import { REASONING_PARTS_KEY } from '../decode/keys.ts'
import {
  type AttributionKeys,
  firstText,
  STATED_CUSTOMER,
  STATED_HOLD,
  STATED_PRODUCT,
  STATED_SESSION,
  textOf,
} from './attribution.ts'
import { type Classification, classify, UNNAMED } from './classify.ts'
import type { CompiledDialect } from './compile.ts'
import { errorTypeOf, fact, modelsOf, reportedCostOf, tierOf, toolNameOf } from './facts.ts'
import { compilePatterns } from './match.ts'
import { type Metering, meter, UNMETERED } from './metering.ts'
import { NO_REQUESTS, OPERATION } from './operations.ts'
import { type RawReading, readRawUsage } from './raw-usage.ts'
import { recognise } from './recognise.ts'
import { WHOLE_UNITS } from './unit-names.ts'
import { NO_SPELLINGS, readUnits } from './units.ts'

export const REGION = 'cloud.region'

/**
 * One span, normalised into a row of the usage journal. Pure; keeps values of the span, never the span. A span no dialect
 * reads is of class `other` with the empty dialect: its place in the tree and its attribution still count.
 */
export function toUsage(span: Span, keys: AttributionKeys): Usage {
  const compiled = recognise(span)
  return compiled === null ? ofUnknown(span, keys, []) : ofDialect(span, compiled, keys)
}

function ofUnknown(span: Span, keys: AttributionKeys, anomalies: Anomaly[]): Usage {
  const quantities = readUnits(span, NO_SPELLINGS, {}, anomalies)
  if (Object.keys(quantities).length > 0) {
    anomalies.push({ kind: 'unclassified_usage', spanId: span.spanId, reason: 'quantity_outside_call' })
  }
  return rowOf(span, keys, { ...NOTHING, failed: span.failed, quantities, anomalies })
}

function ofDialect(span: Span, compiled: CompiledDialect, keys: AttributionKeys): Usage {
  const models = modelsOf(span, compiled)
  let reading: RawReading | null = null
  const read = (): RawReading => {
    reading ??= readRawUsage(span, compiled)
    return reading
  }
  const namesModel = (models.requestModel ?? models.responseModel) !== null
  const named = classify(span, compiled, () => namesModel && read().stated)
  // A rerank is no call of a language model, unless it says what it cost.
  const asked = named.role === 'ignored' || named.role === 'priced'
  const is = namesModel && asked && statesWholeUnit(span) ? ASKED : named
  const anomalies: Anomaly[] = []
  if (is.usageClass === 'other' && !is.serverSide) {
    const reason = unclassified(span, is, namesModel, read)
    if (reason !== null) anomalies.push({ kind: 'unclassified_usage', spanId: span.spanId, reason })
    return ofUnknown(span, keys, anomalies)
  }
  const isTool = is.usageClass === 'tool'
  const failed = span.failed || compiled.hasFailed(span)
  const cost = reportedCostOf(span, compiled, anomalies)
  const told = is.readsUsage && !isTool ? meter(span, compiled, is, models, read(), anomalies) : UNMETERED
  const beside = reading === null ? {} : read().units
  // Pictures and speech have no output in tokens.
  const isLeft = told.isCutShort && !hasWholeUnit(readUnits(span, compiled.units, beside, []))
  const metering = isLeft ? UNMETERED : told
  // Characters and seconds are what is billed where there are no tokens, not beside them.
  const spellings = metering.metered ? compiled.parts : compiled.units
  const quantities = readUnits(span, spellings, metering.metered ? partsOf(beside) : beside, anomalies)
  return rowOf(span, keys, {
    failed,
    errorType: failed ? errorTypeOf(span, compiled) : null,
    is,
    dialect: compiled.dialect.id,
    models,
    responseId: fact(span, compiled, 'responseId'),
    requestId: fact(span, compiled, 'requestId'),
    metering: isRequest(is) && hasWholeUnit(quantities) ? { ...metering, metered: true } : metering,
    estimated: compiled.isEstimate(span),
    reasoningParts: reasoningPartsOf(span),
    quantities,
    serviceTier: tierOf(span, compiled),
    reportedCost: cost.amount,
    reportedCostKey: cost.key,
    toolName: isTool ? toolNameOf(span, compiled) : null,
    toolCallId: isTool ? fact(span, compiled, 'toolCallId') : null,
    toolType: isTool ? fact(span, compiled, 'toolType') : null,
    agent: fact(span, compiled, 'agent'),
    anomalies,
  })
}

/** Why a span that is no request may be one all the same: it is told, not billed. Null where nothing speaks for it. */
function unclassified(
  span: Span,
  is: Classification,
  namesModel: boolean,
  read: () => RawReading,
): string | null {
  if (is.role === 'priced') return namesModel ? 'no_units' : null
  if (is.role !== UNNAMED) return null
  // Tokens on a span that no rule names and that names no model may be anybody's.
  if (hasTokens(read())) return 'no_model'
  const operation = span.attribute(OPERATION)
  if (operation === undefined || !namesModel || span.kind !== 'client') return null
  return asksNothing(String(operation)) ? null : 'unknown_operation'
}

const asksNothing = compilePatterns(NO_REQUESTS)

/** What a row says beyond the span's shape and whose it is. */
interface Said
  extends Pick<
    Usage,
    | 'failed'
    | 'errorType'
    | 'dialect'
    | 'responseId'
    | 'requestId'
    | 'estimated'
    | 'reasoningParts'
    | 'quantities'
    | 'serviceTier'
    | 'reportedCost'
    | 'reportedCostKey'
    | 'toolName'
    | 'toolCallId'
    | 'toolType'
    | 'agent'
    | 'anomalies'
  > {
  readonly is: Pick<Classification, 'usageClass' | 'agentBoundary' | 'plan'>
  readonly models: Pick<Usage, 'provider' | 'requestModel' | 'responseModel'>
  readonly metering: Metering
}

const NOTHING = {
  errorType: null,
  is: { usageClass: 'other', agentBoundary: false, plan: false },
  dialect: '',
  models: { provider: null, requestModel: null, responseModel: null },
  responseId: null,
  requestId: null,
  metering: UNMETERED,
  estimated: false,
  reasoningParts: null,
  serviceTier: null,
  reportedCost: null,
  reportedCostKey: null,
  toolName: null,
  toolCallId: null,
  toolType: null,
  agent: null,
} as const

/** One literal for every row, so that all rows are of one shape to the engine. */
function rowOf(span: Span, keys: AttributionKeys, said: Said): Usage {
  const { is, models, metering } = said
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    name: span.name,
    kind: span.kind,
    failed: said.failed,
    errorType: said.errorType,
    startNano: span.startNano,
    endNano: span.endNano,
    scopeName: span.scopeName,
    scopeVersion: span.scopeVersion,
    serviceName: resourceText(span, 'service.name'),
    serviceInstance: resourceText(span, 'service.instance.id'),
    usageClass: is.usageClass,
    agentBoundary: is.agentBoundary,
    dialect: said.dialect,
    provider: models.provider,
    requestModel: models.requestModel,
    responseModel: models.responseModel,
    responseId: said.responseId,
    requestId: said.requestId,
    metered: metering.metered,
    buckets: metering.buckets,
    totalTokens: metering.totalTokens,
    inputConvention: metering.inputConvention,
    estimated: said.estimated,
    reasoningParts: said.reasoningParts,
    plan: is.plan,
    quantities: said.quantities,
    serviceTier: said.serviceTier,
    region: textOf(span, REGION),
    reportedCost: said.reportedCost,
    reportedCostKey: said.reportedCostKey,
    toolName: said.toolName,
    toolCallId: said.toolCallId,
    toolType: said.toolType,
    customer: textOf(span, STATED_CUSTOMER),
    customerFallback: firstText(span, keys.customer),
    product: textOf(span, STATED_PRODUCT),
    session: textOf(span, STATED_SESSION),
    sessionFallback: firstText(span, keys.session),
    agent: said.agent,
    holdId: textOf(span, STATED_HOLD),
    anomalies: said.anomalies,
  }
}

const ASKED: Classification = {
  role: 'call',
  usageClass: 'call',
  agentBoundary: false,
  plan: false,
  readsUsage: true,
  serverSide: false,
}

function isRequest({ usageClass }: Classification): boolean {
  return usageClass === 'call' || usageClass === 'embed'
}

function statesWholeUnit(span: Span): boolean {
  return hasWholeUnit(readUnits(span, NO_SPELLINGS, {}, []))
}

function hasWholeUnit(quantities: Readonly<Record<string, number>>): boolean {
  for (const unit in quantities) if (WHOLE_UNITS.includes(unit)) return true
  return false
}

function partsOf(units: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  if (!hasWholeUnit(units)) return units
  return Object.fromEntries(Object.entries(units).filter(([unit]) => !WHOLE_UNITS.includes(unit)))
}

function hasTokens({ raw }: RawReading): boolean {
  return (raw.input ?? 0) + (raw.output ?? 0) + (raw.total ?? 0) > 0
}

function resourceText(span: Span, key: string): string | null {
  const value = span.resource(key)
  return value === undefined || value === '' ? null : String(value)
}

function reasoningPartsOf(span: Span): number | null {
  const parts = span.attribute(REASONING_PARTS_KEY)
  return typeof parts === 'number' ? parts : null
}
