import type { BudgetWindow, Spender } from '../core/budget.ts'
import type { CheckRequest, Decision, Source } from '../core/decision.ts'
import { asAforoError } from '../core/errors.ts'
import type { TenantId } from '../core/ids.ts'
import type { Actual, HoldEnded, HoldRecord } from '../core/lease.ts'
import type { Log } from '../core/log.ts'
import { NO_RATES, type RateCard } from '../core/rate-card.ts'
import { scaledText } from '../core/scaled.ts'
import type { Kill } from '../schema/budgets/kills.ts'
import type { Centre } from './centre/centre.ts'
import {
  decide,
  decisionOf,
  passThrottled,
  type Question,
  type Ruling,
  withLeastLeft,
} from './deciding/decide.ts'
import { KeyedChecks } from './deciding/keyed-checks.ts'
import { isWork, needOfCall } from './deciding/need.ts'
import { rulingOfUnknown } from './deciding/without-centre.ts'
import { type DecisionListener, DecisionListeners } from './decision-listeners.ts'
import { ExchangeLoop } from './leases/exchange-loop.ts'
import { firstHold, isFirstHold } from './leases/first-hold.ts'
import { HoldBook, type LeaseSums, UNTOLD_HOLDS_MAX } from './leases/hold-book.ts'
import { HoldNames, keyedHold } from './leases/hold-names.ts'
import { HoldRequests } from './leases/hold-requests.ts'
import type { HoldOrder, OpenHold } from './leases/open-hold.ts'
import type { CheckMetrics } from './metrics.ts'
import type { Counter } from './view/counter.ts'
import { isOfAnotherMonth, type KnownSpender } from './view/memory.ts'
import { type Changed, TenantView } from './view/tenant-view.ts'

/** A hold lasts so long unless the caller says otherwise. */
const HOLD_MS = 60_000
/** How often a hold is tried again that others were quicker than. */
const HOLD_TRIES_MAX = 8
/** What a checker works with. `clock`: milliseconds of a monotonic clock. */
export interface CheckerParts {
  readonly centre: Centre
  readonly sidecarId: string
  readonly clock: () => number
  readonly log: Log
  readonly metrics: CheckMetrics
}

/** The checks of one tenant. */
export class Checker {
  readonly tenantId: TenantId
  readonly #parts: CheckerParts
  readonly #view: TenantView
  readonly #book: HoldBook
  readonly #exchanges: ExchangeLoop
  readonly #holdRequests: HoldRequests
  readonly #byKey = new KeyedChecks()
  readonly #listeners: DecisionListeners
  readonly #names: HoldNames
  #askedAt: number
  #wasAway = false

  constructor(tenantId: TenantId, parts: CheckerParts) {
    this.tenantId = tenantId
    this.#parts = parts
    this.#book = new HoldBook(parts.sidecarId)
    this.#names = new HoldNames(parts.sidecarId)
    this.#askedAt = parts.clock()
    const onStandings: TenantView['apply'] = (standings, at) => this.#view.apply(standings, at)
    const isNumbered = (holdId: string) => this.#names.isNumbered(holdId)
    const release = (holdId: string) => this.#release(holdId)
    this.#holdRequests = new HoldRequests(tenantId, { ...parts, onStandings, release })
    this.#exchanges = new ExchangeLoop(this.#book, { ...parts, onStandings, isNumbered }, tenantId)
    const rule = (known: KnownSpender, now: number) => this.#rule(known, null, false, now, true)
    this.#listeners = new DecisionListeners({ ...parts, view: () => this.#view, rule })
    // Last: a centre may tell of changes as soon as it is followed.
    this.#view = new TenantView(tenantId, parts, (changed) => this.#changed(changed))
  }

  /** Answers whether a call may run, from memory where that is known. */
  check(request: CheckRequest): Decision | Promise<Decision> {
    const now = this.#parts.clock()
    this.#askedAt = now
    const key = request.idempotency_key
    if (key === undefined) return this.#check(request, now)
    return this.#byKey.once(key, request, () => this.#check(request, now))
  }

  /** Ends a hold. Null: there is no such hold, of this tenant. */
  async endHold(holdId: string, actual: Actual | null): Promise<(HoldEnded & { source: Source }) | null> {
    return this.#exchanges.end({ holdId, actual })
  }

  /** The whole of a budget that a decision told of, where it is still known. */
  quotaOf(request: CheckRequest, budget: string | undefined): { limit: string; window: BudgetWindow } | null {
    if (budget === undefined) return null
    const known = this.#view.memory.find(this.#view.memory.askerOf(request).name)
    const counter = known?.counters.find(({ terms }) => terms.budgetId === budget)
    return counter ? { limit: scaledText(counter.limit), window: counter.terms.window } : null
  }

  async kill(kill: Kill, reason: string | null): Promise<boolean> {
    const isNew = await this.#parts.centre.kill(this.tenantId, kill, reason)
    this.#view.hearOwnWord({ kind: 'kill', of: kill.kind, id: kill.id, isKilled: true })
    return isNew
  }

  async lift(kill: Kill): Promise<boolean> {
    const wasKilled = await this.#parts.centre.lift(this.tenantId, kill)
    this.#view.hearOwnWord({ kind: 'kill', of: kill.kind, id: kill.id, isKilled: false })
    return wasKilled
  }

  /** Tells a listener of the decision now, and of each one that differs. */
  listen(listener: DecisionListener): () => void {
    return this.#listeners.add(listener)
  }

  /** What has to be done from time to time: holds expire, leases are renewed or given back, the centre may be away. */
  tick(): void {
    this.#view.memory.sweep(this.#parts.clock())
    this.#exchanges.tick()
    const isAway = this.#view.isAway(this.#parts.clock())
    if (isAway === this.#wasAway) return
    this.#wasAway = isAway
    this.#listeners.lookAtAll()
  }

  /** Since when nobody asked, in milliseconds of the clock; null while somebody listens or something is held. */
  get idleSince(): number | null {
    const isBusy = this.#listeners.size > 0 || this.#book.untold > 0 || this.#book.hasLeases
    return isBusy ? null : this.#askedAt
  }

  get sizes() {
    return {
      ...this.#view.memory.sizes,
      cards: this.#view.cards,
      keys: this.#byKey.size,
      untold: this.#book.untold,
    }
  }

  addLeases(to: Map<string, LeaseSums>, now: number): void {
    this.#book.addLeases(to, now)
  }

  /** Tells the centre what it has not heard of, and gives all leases back. */
  async stop(): Promise<void> {
    this.#view.stop()
    await this.#exchanges.leave()
  }

  #check(request: CheckRequest, now: number): Decision | Promise<Decision> {
    const asker = this.#view.memory.askerOf(request)
    const known = this.#view.memory.find(asker.name)
    const freshness = known ? this.#view.memory.freshness(known, now) : 'stale'
    const isAsked = freshness === 'stale' && !(known && this.#view.isAway(now))
    if (isAsked) {
      return this.#view.read(asker).then(
        (read) => this.#answer(request, read, this.#parts.clock()),
        (error: unknown) => this.#answerAway(request, asker.spender, known, error),
      )
    }
    if (freshness !== 'fresh') this.#view.read(asker).catch(() => {})
    return this.#answer(request, known!, now)
  }

  #answer(request: CheckRequest, known: KnownSpender, now: number): Decision | Promise<Decision> {
    if (isOfAnotherMonth(request, known)) return this.#check(request, now)
    if (request.reserve !== true && request.estimate === undefined) {
      return this.#tell(this.#rule(known, null, false, now), known, now)
    }
    const question = {
      customer: request.customer,
      product: request.product ?? null,
      agent: request.agent ?? null,
      model: request.model ?? null,
    }
    const card = known.counters.some(isPriced) ? this.#view.card(question, now) : NO_RATES
    if (card instanceof Promise) return card.then((found) => this.#hold(request, known, found))
    return this.#hold(request, known, card)
  }

  #hold(request: CheckRequest, known: KnownSpender, card: RateCard): Decision | Promise<Decision> {
    const now = this.#parts.clock()
    const need = needOfCall(card, request.estimate)
    const wantsHold = request.reserve === true
    const ruling = this.#rule(known, need, wantsHold, now)
    if (!wantsHold || !lets(ruling)) return this.#tell(ruling, known, now)
    const order = {
      holdId: this.#holdId(request),
      spender: known.spender,
      model: request.model ?? null,
      card,
      isWork: isWork(request),
      need,
      counters: known.counters,
      expiresAt: now + (request.ttl_ms ?? HOLD_MS),
    }
    const hold = this.#book.take(order, this.#view.isAway(now), now)
    if (typeof hold === 'object' && this.#book.coveredUntil(hold) >= hold.expiresAt) {
      return this.#held(hold, ruling, known, now)
    }
    const isFirst = hold === 'short' && !this.#view.isAway(now) && isFirstHold(order, now)
    const anew = () => this.#check(request, this.#parts.clock())
    if (isFirst) return this.#holdFirst(order, firstHold(order, now), ruling, known, anew)
    return this.#holdLater(order, hold, ruling, known, anew)
  }

  /** Has the centre take the first hold of a session; where it does not, leases may be got back of others. */
  async #holdFirst(
    order: HoldOrder,
    hold: HoldRecord,
    ruling: Ruling,
    known: KnownSpender,
    anew: () => Decision | Promise<Decision>,
  ): Promise<Decision> {
    const outcome = await this.#holdRequests.take(hold)
    if (outcome === 'late') return this.#staleOf(known, ruling)
    if (outcome === 'refused') return this.#holdLater(order, 'short', ruling, known, anew)
    const now = this.#parts.clock()
    // What it holds itself does not stop it, but who was stopped meanwhile is.
    const again = this.#rule(known, null, false, now, true)
    if (lets(again)) return this.#held(hold, ruling, known, now)
    this.#release(hold.holdId)
    return this.#tell(again, known, now)
  }

  /** Of a hold that nobody was told of. It runs out by itself where too much waits to be told. */
  #release(holdId: string): void {
    if (this.#book.untold >= UNTOLD_HOLDS_MAX) return
    this.#book.end({ holdId, actual: null })
    this.#exchanges.kick()
  }

  /**
   * Asks the centre for what is missing, and tries again.
   * @param anew begins the check anew, where other budgets apply by now
   */
  async #holdLater(
    order: HoldOrder,
    first: OpenHold | 'short' | 'full',
    ruling: Ruling,
    known: KnownSpender,
    anew: () => Decision | Promise<Decision>,
  ): Promise<Decision> {
    let hold = first
    let now = this.#parts.clock()
    for (let tries = 0; hold === 'short' && tries < HOLD_TRIES_MAX; tries++) {
      this.#book.want(order, now)
      if (!(await this.#exchanges.nextAnswer())) return this.#staleOf(known, ruling)
      if (this.#view.memory.isOutdated(known)) return anew()
      now = this.#parts.clock()
      const again = this.#rule(known, order.need, true, now)
      if (!lets(again)) return this.#tell(again, known, now)
      hold = this.#book.take(order, this.#view.isAway(now), now)
    }
    if (hold === 'full') return this.#staleOf(known, ruling)
    if (hold === 'short')
      return this.#tell({ ...ruling, verdict: 'deny', reason: 'budget_exhausted' }, known, now)
    const until = this.#book.coveredUntil(hold)
    if (until < hold.expiresAt && !(await this.#isHeard(hold, until))) {
      this.#book.end({ holdId: hold.holdId, actual: null })
      return this.#staleOf(known, ruling)
    }
    return this.#held(hold, ruling, known, now)
  }

  /** A hold that lasts longer than our leases counts once the centre has heard of it, while they still were. */
  async #isHeard({ holdId }: OpenHold, until: number): Promise<boolean> {
    while (this.#book.find(holdId) !== undefined) if (!(await this.#exchanges.nextAnswer())) return false
    return this.#parts.clock() < until
  }

  #held(
    hold: Pick<OpenHold | HoldRecord, 'holdId' | 'heldBy' | 'takes'>,
    ruling: Ruling,
    known: KnownSpender,
    now: number,
  ): Decision {
    this.#exchanges.kick()
    this.#parts.metrics.held('taken')
    const after = withLeastLeft(ruling, known.counters, now)
    const decision = this.#tell(after, known, now, hold.takes.length > 0)
    return { ...decision, hold_id: hold.holdId, held_by: hold.heldBy }
  }

  #staleOf(known: KnownSpender, ruling: Ruling): Decision {
    const now = this.#parts.clock()
    return this.#tell({ ...ruling, verdict: 'deny', reason: 'stale' }, known, now)
  }

  #rule(
    { counters, isKnown, spender }: KnownSpender,
    need: Question['need'],
    wantsHold: boolean,
    now: number,
    isUnderWay = false,
  ): Ruling {
    const isKilled = this.#view.memory.isKilled(spender)
    const isAway = this.#view.isAway(now)
    return decide({ counters, isKnown, isKilled, need, wantsHold, isAway, isUnderWay }, now)
  }

  #tell(ruling: Ruling, { counters }: KnownSpender, now: number, isLeased = false): Decision {
    if (lets(ruling)) passThrottled(counters)
    this.#parts.metrics.decided(ruling.verdict, ruling.reason)
    const source: Source = this.#view.isAway(now) ? 'last_known' : isLeased ? 'lease' : 'live'
    return decisionOf(ruling, source, this.#view.age(now), now)
  }

  /** Nobody can be asked. What is known decides; of who is not known, what the budgets that would apply say of it. */
  #answerAway(
    request: CheckRequest,
    spender: Spender,
    known: KnownSpender | undefined,
    error: unknown,
  ): Decision | Promise<Decision> {
    const fault = asAforoError(error)
    if (fault.code !== 'unavailable') throw fault
    const now = this.#parts.clock()
    if (known) return this.#answer(request, known, now)
    const { verdict, reason } = rulingOfUnknown(this.#view.memory, spender)
    this.#parts.metrics.decided(verdict, reason)
    return { decision: verdict, reason, source: 'last_known', age_ms: this.#view.age(now) }
  }

  /** Gives back what was recalled, and looks for whom a decision may have changed. */
  #changed(changed: Changed): void {
    if ('all' in changed) this.#book.recall(changed.all)
    if ('all' in changed || hasRecalled(changed)) this.#exchanges.kick()
    this.#listeners.changed(changed)
  }

  #holdId({ idempotency_key: key }: CheckRequest): string {
    if (key === undefined) return this.#names.next()
    const holdId = keyedHold(key)
    this.#exchanges.remember(holdId)
    return holdId
  }
}

function lets({ verdict }: Ruling): boolean {
  return verdict === 'allow' || verdict === 'warn'
}

function isPriced({ terms }: Counter): boolean {
  return (
    terms.unit === 'price' || terms.unit === 'cogs' || terms.unit === 'credits' || terms.unit === 'tokens'
  )
}

function hasRecalled(changed: Changed): boolean {
  return 'counters' in changed && [...changed.counters].some(({ isRecalled }) => isRecalled)
}
