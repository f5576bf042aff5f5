import type { Spender } from '../core/budget.ts'
import type { Decision } from '../core/decision.ts'
import { asAforoError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { decisionOf, type Ruling } from './deciding/decide.ts'
import type { CheckMetrics } from './metrics.ts'
import type { KnownSpender } from './view/memory.ts'
import type { Changed, TenantView } from './view/tenant-view.ts'

/** A listener that could not be looked for is looked for again. */
const LOOK_AGAIN_MS = 200

/** Who wants to be told when a decision changes. */
export interface DecisionListener {
  readonly name: string
  readonly spender: Spender
  known: KnownSpender | null
  last: string
  tell(decision: Decision): void
}

interface DecisionListenersParts {
  readonly view: () => TenantView
  readonly clock: () => number
  readonly log: Log
  readonly metrics: CheckMetrics
  /** Of work that is under way. */
  readonly rule: (known: KnownSpender, now: number) => Ruling
}

/** The listeners of one tenant: each is told of the decision now, and of each one that differs. */
export class DecisionListeners {
  readonly #parts: DecisionListenersParts
  readonly #listeners = new Set<DecisionListener>()

  constructor(parts: DecisionListenersParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#listeners.size
  }

  /** @returns ends it */
  add(listener: DecisionListener): () => void {
    this.#listeners.add(listener)
    this.#parts.metrics.watchers.inc()
    this.#lookSoon(listener)
    return () => {
      if (this.#listeners.delete(listener)) this.#parts.metrics.watchers.dec()
    }
  }

  /** Looks for whom a change may have changed the decision. */
  changed(changed: Changed): void {
    for (const listener of this.#listeners) {
      const isAbout =
        'all' in changed ||
        ('kill' in changed
          ? listener.spender[changed.kill.of] === changed.kill.id
          : listener.known?.counters.some((counter) => changed.counters.has(counter)))
      if (isAbout) this.#lookSoon(listener)
    }
  }

  lookAtAll(): void {
    for (const listener of this.#listeners) this.#lookSoon(listener)
  }

  #lookSoon(listener: DecisionListener): void {
    this.#look(listener).catch((error: unknown) => {
      this.#parts.log.error({ err: error }, 'a watched spender could not be read')
    })
  }

  async #look(listener: DecisionListener): Promise<void> {
    const { clock, rule } = this.#parts
    const view = this.#parts.view()
    let known = view.memory.find(listener.name)
    try {
      const isStale = !known || view.memory.freshness(known, clock()) === 'stale'
      if (isStale && !view.isAway(clock())) known = await view.read({ ...listener, startedAt: null })
    } catch (error) {
      // Too many at once, or nobody to be asked: it is told a little later.
      if (!asAforoError(error).retryable) throw error
      setTimeout(() => this.#lookSoon(listener), LOOK_AGAIN_MS).unref()
    }
    known ??= listener.known ?? undefined
    if (!known || !this.#listeners.has(listener)) return
    listener.known = known
    const now = clock()
    const ruling = rule(known, now)
    const said = `${ruling.verdict} ${ruling.reason} ${ruling.counter?.name}`
    if (said === listener.last) return
    listener.last = said
    listener.tell(decisionOf(ruling, view.isAway(now) ? 'last_known' : 'live', view.age(now), now))
  }
}
