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
  /**
   * Rows of one family are versions of one emitter. Where a span does not tell its version, and its row leaves open what
   * its numbers mean, another span of the family in the same service and trace decides (versions.ts).
   */
  readonly family?: string
  /** Whether reasoning tokens are part of the reported output, where the span's own numbers do not tell. */
  readonly reasoning?: readonly Convention<'included' | 'apart'>[]
  /**
   * What usage on a wrapper means. Only of a `sum` may the share of a call without usage be worked out; `last` (the last
   * step's) and `lifetime` (everything since the agent object was made) are never subtracted from. Not told: unknown.
   */
  readonly wrapperUsage?: 'sum' | 'last' | 'lifetime'
  /** Names of wrappers that are sums all the same. */
  readonly sums?: readonly Pattern[]
  /** Its wrappers that name a model always ask it. One that ended well with no request beneath stands for a call nobody told of. */
  readonly asks?: boolean
  /** Names of its agents that ask a model themselves, beside the agents within them. */
  readonly leads?: readonly Pattern[]
  /**
   * Its requests for streams tell no usage; their ends do, always, and where nothing is above a request its end is in a
   * trace of its own. There the end stands for the call, and the request for nothing (stream-ends.ts).
   */
  readonly toldAtEnd?: boolean
  /**
   * The calls of one wrapper repeat what its earlier calls used. It is certain for these versions of the scope; for
   * others that may do so, the likeness is told and nothing is subtracted.
   */
  readonly cumulative?: { readonly scopeVersions: readonly Pattern[] }
  /** Its calls name no model; that of the wrapper around them is theirs. */
  readonly modelOfWrapper?: boolean
  /** Prefixes of its model names, with the provider each stands for. They are taken off. */
  readonly routes?: Readonly<Record<string, string>>
  /** Calls on spans of kind server or consumer count too: the row is a provider's or a gateway's own. */
  readonly serves?: boolean
  /** What it writes for a fact that it does not know. */
  readonly nothing?: readonly string[]
  /** It writes a cost of zero where it knows no price: that is no cost. Elsewhere a zero is what a provider said. */
  readonly zeroCostIsUnknown?: boolean
  /** The numbers of such spans are the instrumentation's estimate, or may leave out what the provider bills. */
  readonly estimated?: readonly Match[]
  /** Spans whose usage is what an answer began with: their client left it in its midst. */
  readonly unfinished?: readonly Match[]
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
  /** Versions of the scope. */
  readonly version?: readonly Pattern[]
  readonly service?: readonly Pattern[]
  readonly name?: readonly Pattern[]
  /** An attribute of the span that must be there, with one of the values of `is` where given. */
  readonly attribute?: string
  /** The same for an attribute of the resource. */
  readonly resource?: string
  readonly is?: readonly Pattern[]
  /** Further attributes of the span that must all have one of their values. */
  readonly where?: Readonly<Record<string, readonly Pattern[]>>
  /** Attributes of which the span must have none. */
  readonly without?: readonly string[]
  /** Attributes that may be there, but not with one of these values. */
  readonly unless?: Readonly<Record<string, readonly Pattern[]>>
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
 *  priced   `other`, a request that is billed by something else than tokens: a call where it states how much, else told
 */
export type SpanRole = UsageClass | 'agent' | 'plan' | 'ignored' | 'priced'

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
  // Of further passes of the provider over the same request: beside input and output, and in no total.
  'moreInput',
  'moreOutput',
] as const
export type RawQuantity = (typeof RAW_QUANTITIES)[number]

/** Texts a span may carry about a call, a tool or an agent. */
export const FACTS = [
  'provider',
  'requestModel',
  'responseModel',
  'responseId',
  'requestId',
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
  /**
   * Units that are subsets of a bucket or no tokens at all: kept beside the buckets, never added to them. Those that are
   * all a request consumes count only where it tells no tokens: providers bill the one or the other.
   */
  readonly units?: Readonly<Record<string, readonly string[]>>
  readonly facts?: Partial<Readonly<Record<Fact, readonly string[]>>>
  /** Attributes that hold usage as JSON. */
  readonly json?: readonly UsageAttribute[]
  /**
   * Attributes with contents, of which the decoders keep the usage object and nothing else. Their numbers only fill in
   * what the span does not state otherwise.
   */
  readonly usageInside?: readonly { readonly key: string; readonly paths: Paths }[]
  /** JSON attributes with the cost in USD at the first of these paths that is there. */
  readonly costs?: readonly { readonly key: string; readonly paths: readonly string[] }[]
  /** The provider's own usage object inside a JSON attribute, by dotted path. Evidence, and the source of what the span leaves out. */
  readonly providerUsage?: { readonly key: string; readonly paths: Paths }
}

/** Where quantities stand in a JSON object, by dotted path, the preferred first. */
export type Paths = Partial<Readonly<Record<RawQuantity, readonly string[]>>>

/** Usage as JSON: named buckets of which none contains another, or quantities at known paths. */
export type UsageAttribute =
  | { readonly key: string; readonly disjoint: true }
  | {
      readonly key: string
      readonly paths: Paths
      readonly units?: Readonly<Record<string, readonly string[]>>
      /** Facts that stand beside the usage, for where no attribute tells them. */
      readonly facts?: Partial<Readonly<Record<Fact, readonly string[]>>>
    }
