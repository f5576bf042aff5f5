import type { Span } from '../../core/span.ts'
import type { Anomaly } from '../../core/usage.ts'
import { textOf } from './attribution.ts'
import type { CompiledDialect } from './compile.ts'
import type { Fact } from './dialect.ts'
import { amountFault, readAmount } from './numbers.ts'
import { providerName, tierName } from './providers.ts'
import { firstAtPath, parseObject } from './usage-json.ts'

export const STATED_TIER = 'aforo.service_tier'
export const STATED_COST = 'aforo.cost_usd'
export const HTTP_STATUS = ['http.response.status_code', 'http.status_code'] as const
export const ERROR_TYPE = 'error.type'

/** Who made the model, and which one. */
export interface Models {
  readonly provider: string | null
  readonly requestModel: string | null
  readonly responseModel: string | null
}

const NOWHERE: readonly string[] = []

/** The first spelling of a fact that is there and says something. */
export function fact(span: Span, compiled: CompiledDialect, which: Fact): string | null {
  const { nothing = NOWHERE } = compiled.dialect
  for (const key of compiled.facts[which]) {
    const value = span.attribute(key)
    if (value !== undefined && value !== '' && !nothing.includes(String(value))) return String(value)
  }
  return factBeside(span, compiled, which)
}

/** A fact that stands in the JSON that holds the usage. */
function factBeside(span: Span, { factsBeside }: CompiledDialect, which: Fact): string | null {
  for (const { key, facts } of factsBeside) {
    const paths = facts[which]
    const text = paths === undefined ? undefined : span.attribute(key)
    const object = typeof text === 'string' ? parseObject(text) : null
    const value = object === null ? undefined : firstAtPath(object, paths ?? [])
    if (typeof value === 'string' && value !== '') return value
  }
  return null
}

export function modelsOf(span: Span, compiled: CompiledDialect): Models {
  const provider = unquoted(fact(span, compiled, 'provider'))
  const request = routed(compiled, unquoted(fact(span, compiled, 'requestModel')))
  const response = routed(compiled, unquoted(fact(span, compiled, 'responseModel')))
  const named = provider === null ? null : providerName(provider)
  return {
    provider: named ?? request.provider ?? response.provider,
    requestModel: request.model,
    responseModel: response.model,
  }
}

/** Some exporters write every text as JSON. */
function unquoted(text: string | null): string | null {
  return text?.startsWith('"') === true && text.length > 2 && text.endsWith('"') ? text.slice(1, -1) : text
}

const NO_MODEL = { provider: null, model: null } as const

function routed(
  compiled: CompiledDialect,
  model: string | null,
): { readonly provider: string | null; readonly model: string | null } {
  if (model === null) return NO_MODEL
  const { routes } = compiled.dialect
  if (routes !== undefined) {
    for (const [prefix, provider] of Object.entries(routes)) {
      if (model.startsWith(prefix)) return { provider, model: model.slice(prefix.length) }
    }
  }
  return { provider: null, model }
}

/** An HTTP status says more than a class name, where there is one. */
export function errorTypeOf(span: Span, compiled: CompiledDialect): string | null {
  for (const key of HTTP_STATUS) {
    const status = Number(span.attribute(key))
    if (status >= 400 && status <= 599) return String(status)
  }
  if (span.failureStatus !== null) return String(span.failureStatus)
  const errorType = span.attribute(ERROR_TYPE)
  if (errorType !== undefined && errorType !== '') return String(errorType)
  const { failureText, failedAs } = compiled.dialect
  const text = failureText === undefined ? undefined : span.attribute(failureText)
  const status = /\b[45]\d\d\b/.exec(String(text ?? ''))
  if (status !== null) return status[0]
  return failedAs !== undefined && compiled.isFailedAs(span) ? failedAs.errorType : null
}

export function tierOf(span: Span, compiled: CompiledDialect): string | null {
  const tier = textOf(span, STATED_TIER) ?? fact(span, compiled, 'serviceTier')
  return tier === null ? null : tierName(tier)
}

/** What the span says the call cost in USD, and where. Costs under several names are never added up. */
export type ReportedCost = StatedCost | typeof NO_COST

interface StatedCost {
  readonly amount: string
  readonly key: string
}

const NO_COST = { amount: null, key: null } as const

/** What is no cost is an anomaly; words under a key of others are not: they may have written why there is none. */
export function reportedCostOf(span: Span, compiled: CompiledDialect, anomalies: Anomaly[]): ReportedCost {
  const stated = costAt(span, STATED_COST, anomalies)
  if (stated !== null) return stated
  const isUnknown = (amount: string): boolean => amount === '0' && compiled.dialect.zeroCostIsUnknown === true
  for (const key of compiled.facts.cost) {
    const cost = costAt(span, key, anomalies)
    if (cost !== null && !isUnknown(cost.amount)) return cost
  }
  for (const { key, paths } of compiled.costs) {
    const text = span.attribute(key)
    const object = typeof text === 'string' ? parseObject(text) : null
    const value = object === null ? undefined : firstAtPath(object, paths)
    const amount = typeof value === 'number' || typeof value === 'string' ? readAmount(value) : null
    if (amount !== null && !isUnknown(amount)) return { amount, key }
  }
  return NO_COST
}

function costAt(span: Span, key: string, anomalies: Anomaly[]): StatedCost | null {
  const value = span.attribute(key)
  if (value === undefined) return null
  const amount = readAmount(value)
  if (amount !== null) return { amount, key }
  const reason = amountFault(value)
  if (key === STATED_COST || reason !== 'not_a_number')
    anomalies.push({ kind: 'bad_number', spanId: span.spanId, reason })
  return null
}

/** What a tool is called, without the words that instrumentations put before it. */
export function toolNameOf(span: Span, compiled: CompiledDialect): string | null {
  const stated = fact(span, compiled, 'toolName')
  if (stated !== null) return stated
  const { nothing = NOWHERE } = compiled.dialect
  const name = span.name.replace(/^(?:execute_tool|tools\/call)\s+/, '')
  return nothing.includes(name) ? null : name
}
