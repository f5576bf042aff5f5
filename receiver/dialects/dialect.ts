import type { UsageClass } from '../../core/usage.ts'

/**
 * A dialect is one row of data: how one instrumentation writes model calls into spans. Nothing here runs; recognise.ts,
 * classify.ts and normalise.ts read the rows. See docs/DIALECTS.md for how to add one.
 */
export interface Dialect {
  /** Kept in the journal. Never renamed. */
  readonly id: string
  readonly title: string
  /** The row reads a span where any of these holds. */
  readonly recognise: readonly Match[]
  /** Whose attribute names it uses, the preferred first. */
  readonly vocabularies: readonly Vocabulary[]
  /** What its spans are; the first rule that holds wins. A span no rule names is `other`. */
  readonly roles: readonly RoleRule[]
  /** Whether cached tokens are part of the reported input. First that holds; none: OpenTelemetry's rule is assumed. */
  readonly cachedInput?: readonly Convention<'included' | 'excluded'>[]
  /** Whether reasoning tokens are part of the reported output, where the span's own numbers do not tell. */
  readonly reasoning?: readonly Convention<'included' | 'apart'>[]
  /**
   * What usage on a wrapper means. Only of a `sum` may the share of a call without usage be worked out; `last` (the last
   * step's) and `lifetime` (everything since the agent object was made) are never subtracted from. Not told: unknown.
   */
  readonly wrapperUsage?: 'sum' | 'last' | 'lifetime'
  /** Calls on spans of kind server or consumer count too: the row is a provider's or a gateway's own. */
  readonly serves?: boolean
  /** The numbers of such spans are the instrumentation's estimate. */
  readonly estimated?: readonly Match[]
  /** Failures that the span does not show in its status. */
  readonly failed?: readonly Match[]
  /** Attribute with an error text in which an HTTP status can be found. The text itself is not kept. */
  readonly failureText?: string
  /** Failed spans whose error the wire does not name: called this, so that failures.ts can tell refusals. */
  readonly failedAs?: { readonly when: readonly Match[]; readonly errorType: string }
}

/** Text compared as it is, but a `*` at the start or the end stands for anything. */
export type Pattern = string

/** All fields given must hold. */
export interface Match {
  readonly scope?: readonly Pattern[]
  readonly service?: readonly Pattern[]
  readonly name?: readonly Pattern[]
  /** An attribute of the span that must be there, with one of the values of `is` where given. */
  readonly attribute?: string
  /** The same for an attribute of the resource. */
  readonly resource?: string
  readonly is?: readonly Pattern[]
}

/** Holds for the listed providers or models; for all where neither is listed. */
export interface Convention<T> {
  readonly says: T
  /** OpenTelemetry's provider names. */
  readonly providers?: readonly Pattern[]
  readonly models?: readonly Pattern[]
}

/**
 * What a span is. Beside the classes of core/usage.ts:
 *  agent    a wrapper that starts an agent: calls beyond it are other calls
 *  plan     a wrapper that is one reasoning step
 *  ignored  `other`, and whatever tokens it carries were never consumed or are told elsewhere
 */
export type SpanRole = UsageClass | 'agent' | 'plan' | 'ignored'

/** Looks up the value of an attribute or the span's name; with `present`, the attribute alone decides. */
export type RoleRule =
  | { readonly attribute: string; readonly values: Readonly<Record<Pattern, SpanRole>> }
  | { readonly attribute: string; readonly present: SpanRole }
  | { readonly names: Readonly<Record<Pattern, SpanRole>> }

/** Quantities as instrumentations report them, before it is known which of them contain which. */
export const RAW_QUANTITIES = [
  'input',
  'output',
  'total',
  'cacheRead',
  'cacheWrite',
  'cacheWrite5m',
  'cacheWrite1h',
  'reasoning',
  'inputUncached',
  'outputText',
  'toolUseInput',
] as const
export type RawQuantity = (typeof RAW_QUANTITIES)[number]

/** Texts a span may carry about a call, a tool or an agent. */
export const FACTS = [
  'provider',
  'requestModel',
  'responseModel',
  'responseId',
  'serviceTier',
  'cost',
  'agent',
  'toolName',
  'toolCallId',
  'toolType',
] as const
export type Fact = (typeof FACTS)[number]

/** Attribute names of one convention, the preferred spelling first. */
export interface Vocabulary {
  readonly quantities?: Partial<Readonly<Record<RawQuantity, readonly string[]>>>
  /** Units that are subsets of a bucket or no tokens at all: kept beside the buckets, never added to them. */
  readonly units?: Readonly<Record<string, readonly string[]>>
  readonly facts?: Partial<Readonly<Record<Fact, readonly string[]>>>
  /** Attributes that hold usage as JSON. `disjoint`: no bucket contains another. */
  readonly json?: readonly { readonly key: string; readonly disjoint: boolean }[]
  /** The provider's own usage object inside a JSON attribute, by dotted path. Evidence, and the source of cache writes. */
  readonly providerUsage?: {
    readonly key: string
    readonly paths: Partial<Readonly<Record<RawQuantity, readonly string[]>>>
  }
}
