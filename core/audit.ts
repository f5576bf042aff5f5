import type { TenantId } from './ids.ts'

/** What the audit checks, by name: the number of the invariant it holds (docs/INVARIANTS.md) and what it looks at. */
export const AUDIT_CHECKS = {
  journal_rows: { invariant: 1, claim: 'a journal row says what its fingerprint was taken of' },
  traces: {
    invariant: 1,
    claim: 'a trace counts its journal rows, is due or cut, and names its newest revision',
  },
  sightings: {
    invariant: 2,
    claim: 'a call seen in several traces has one owner, and is seen as the journal tells',
  },
  assembly: {
    invariant: 3,
    claim: 'the newest assembly of an event is the assembly of all its journal rows',
  },
  event_totals: { invariant: 3, claim: 'Σ revisions of an event = the counts of its newest assembly' },
  sessions: {
    invariant: 3,
    claim: 'an event of a session is the join of its traces, and has those that belong there and no others',
  },
  queue: { invariant: 3, claim: 'a revision is rated or waits in the queue, never both' },
  trace_exceptions: { invariant: 6, claim: 'what an assembly finds amiss is listed, and nothing else' },
  price_lines: { invariant: 4, claim: 'price lines hold what the plan’s meters take of the assembly' },
  counters: { invariant: 4, claim: 'Σ price lines of a counter = the counter = F(total quantity)' },
  plans: { invariant: 4, claim: 'a plan version says what it said when it was made' },
  cost_lines: { invariant: 5, claim: 'cost lines are the assembly at the prices they name' },
  cogs_adjustments: {
    invariant: 5,
    claim:
      'Σ adjustments of an event = what approved back-dated prices make of its costs, at the rows they name',
  },
  proposals: {
    invariant: 5,
    claim:
      'a proposal says what its fingerprint was taken of; what was taken in is in the book, of its source',
  },
  price_rows: {
    invariant: 5,
    claim: 'a cost line’s unit price is its row’s, its amount quantity × unit price / per',
  },
  sums: {
    invariant: 5,
    claim: 'Σ cost lines = COGS = Σ event lines’ COGS, and the same of prices, revision by revision',
  },
  event_lines: {
    invariant: 5,
    claim: 'event lines are the stack of the assembly, its costs and its charges',
  },
  ratings: { invariant: 6, claim: 'status, plan, period and credits of a rating are those of its event' },
  rating_exceptions: { invariant: 6, claim: 'what cannot be costed or charged is listed, and nothing else' },
  ledger_entries: {
    invariant: 12,
    claim: 'entries are numbered without a gap, each with the balance after it, and say what was hashed',
  },
  ledger_accounts: { invariant: 12, claim: 'accounts = Σ entries; a grant got its amount and gave no more' },
  ledger_debits: {
    invariant: 12,
    claim: 'Σ debits of an event = its charges in credits, and each leads to revision and spans',
  },
  recurring_grants: { invariant: 12, claim: 'each period that began has the grants of its plan' },
  top_ups: { invariant: 12, claim: 'requests for credits are numbered without a gap' },
  invoices: {
    invariant: 14,
    claim: 'a finalised invoice says what it said, and its sums are those of its lines',
  },
  invoice_lines: {
    invariant: 14,
    claim: 'lines before rounding = Σ price lines before the cutoff, and what was due at the period’s end',
  },
  invoice_periods: {
    invariant: 14,
    claim: 'what is billed of a period = what it came to, less what was billed',
  },
  invoice_numbers: { invariant: 14, claim: 'invoices and credit notes are numbered without a gap' },
  budget_counters: {
    invariant: 13,
    claim: 'what a budget counts = Σ what was rated + Σ what open traces count for',
  },
  open_spend: { invariant: 13, claim: 'a trace that is settled counts for nothing beyond its ratings' },
  budget_versions: {
    invariant: 13,
    claim: 'budgets count anew when scope, unit or window changed, and only then',
  },
  budget_leases: { invariant: 15, claim: 'what of a counter is given out = Σ leases + Σ what holds hold' },
  budget_holds: { invariant: 15, claim: 'a hold that is over holds nothing' },
  kills: { invariant: 15, claim: 'whoever is stopped is stopped once' },
  alerts: {
    invariant: 16,
    claim:
      'what is not ok is what the alerts of each subject come to; alerts of a rule are numbered without a gap',
  },
} as const satisfies Record<string, { readonly invariant: number; readonly claim: string }>

export type AuditCheck = keyof typeof AUDIT_CHECKS

/** Something that is not as it must be. */
export interface Gap {
  /** What it is about: `event`, `journal row`, `counter`, … */
  readonly kind: string
  readonly tenantId: TenantId
  /** Names it among its kind. */
  readonly id: string
  /** What is wrong, in one sentence. */
  readonly found: string
}

/** What part of the books is audited. Instants are RFC 3339 or `-infinity`, `infinity`; `to` is not included. */
export interface AuditScope {
  /** Null: all tenants. */
  readonly tenantId: TenantId | null
  /** Bounds of the events' time. */
  readonly from: string
  readonly to: string
  /** Only these of one tenant; absent: all. */
  readonly events?: readonly AuditedEvent[]
}

/** An event by name, and its time as the database writes it. */
export interface AuditedEvent {
  readonly eventId: string
  readonly time: string
}

/** Gaps that are kept of a check; the others are only counted. */
export const GAPS_KEPT_MAX = 20

interface CheckResult {
  rows: number
  gapCount: number
  readonly gaps: Gap[]
}

/** A report as it goes from one thread to another. */
export interface PlainReport {
  readonly results: readonly { readonly check: AuditCheck; readonly result: Readonly<CheckResult> }[]
  readonly pendings: readonly (readonly [what: string, count: number])[]
}

/** Where a part of an audit tells what it looked at and found. */
export type Findings = Pick<AuditReport, 'count' | 'gap'>

/** What an audit found so far. It owns the counts; all parts of an audit write into one. */
export class AuditReport {
  readonly #results = new Map<AuditCheck, CheckResult>()
  readonly #pending = new Map<string, number>()

  /** Tells that a check has looked at so many rows. */
  count(check: AuditCheck, rows: number): void {
    this.#of(check).rows += rows
  }

  gap(check: AuditCheck, gap: Gap): void {
    const result = this.#of(check)
    result.gapCount++
    if (result.gaps.length < GAPS_KEPT_MAX) result.gaps.push(gap)
  }

  /** Counts gaps that are not listed one by one. */
  moreGaps(check: AuditCheck, count: number): void {
    this.#of(check).gapCount += count
  }

  /** Tells of what is not settled yet, and so is no gap: `traces due`, `revisions to be rated`. */
  pending(what: string, count: number): void {
    if (count > 0) this.#pending.set(what, (this.#pending.get(what) ?? 0) + count)
  }

  /** Adds what another report found. */
  add({ results, pendings }: PlainReport): void {
    for (const { check, result } of results) {
      this.count(check, result.rows)
      for (const gap of result.gaps) this.gap(check, gap)
      this.moreGaps(check, result.gapCount - result.gaps.length)
    }
    for (const [what, count] of pendings) this.pending(what, count)
  }

  get plain(): PlainReport {
    return { results: this.results, pendings: [...this.#pending] }
  }

  get gapCount(): number {
    return [...this.#results.values()].reduce((sum, { gapCount }) => sum + gapCount, 0)
  }

  /** In the order of the list above; a check that saw nothing is there with no rows. */
  get results(): readonly { readonly check: AuditCheck; readonly result: Readonly<CheckResult> }[] {
    return (Object.keys(AUDIT_CHECKS) as AuditCheck[]).map((check) => ({ check, result: this.#of(check) }))
  }

  get pendings(): ReadonlyMap<string, number> {
    return this.#pending
  }

  #of(check: AuditCheck): CheckResult {
    let result = this.#results.get(check)
    if (!result) {
      result = { rows: 0, gapCount: 0, gaps: [] }
      this.#results.set(check, result)
    }
    return result
  }
}
