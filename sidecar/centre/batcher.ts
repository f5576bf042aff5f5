import { AforoError, asAforoError } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import type { AskedHold, Taken } from '../../core/lease.ts'
import type { AskedSpender, SpenderFacts } from '../../schema/budgets/spenders.ts'

/** Questions asked at once, and what their answers weigh together. */
export const BATCH_MAX = 128
export const BATCH_WEIGHT_MAX = 5_000
/** Of one tenant so many are asked at a time; the others wait, and go together. */
export const BATCHES_UNDER_WAY_MAX = 2

interface BatcherParts<Q, A> {
  readonly askAll: (tenantId: TenantId, questions: readonly Q[]) => Promise<readonly A[]>
  readonly weightOf: (answer: A) => number
}

/** Spenders are read together. */
export function batchedReads(
  askAll: BatcherParts<AskedSpender, SpenderFacts>['askAll'],
): Batcher<AskedSpender, SpenderFacts> {
  return new Batcher({ askAll, weightOf: ({ budgets }) => budgets.length })
}

/** Holds are taken together. */
export function batchedTakes(askAll: BatcherParts<AskedHold, Taken>['askAll']): Batcher<AskedHold, Taken> {
  return new Batcher({ askAll, weightOf: ({ standings }) => standings.length })
}

interface Waiting<Q, A> {
  readonly question: Q
  readonly resolve: (answer: A) => void
  readonly reject: (error: unknown) => void
}

interface Line<Q, A> {
  readonly waiting: Waiting<Q, A>[]
  underWay: number
  isCalled: boolean
  /** As many as weigh little enough, by what the last answers weighed. Of whom nobody asked before, one. */
  atOnce: number
}

/**
 * Asks for many at once what is asked for one by one: who asks while as many questions as may be are under way is asked
 * for with all others who do. Who asks bounds how many wait.
 */
export class Batcher<Q, A> {
  readonly #parts: BatcherParts<Q, A>
  readonly #lines = new Map<TenantId, Line<Q, A>>()

  constructor(parts: BatcherParts<Q, A>) {
    this.#parts = parts
  }

  ask(tenantId: TenantId, question: Q): Promise<A> {
    return new Promise((resolve, reject) => {
      let line = this.#lines.get(tenantId)
      if (!line) {
        line = { waiting: [], underWay: 0, isCalled: false, atOnce: 1 }
        this.#lines.set(tenantId, line)
      }
      line.waiting.push({ question, resolve, reject })
      this.#callSoon(tenantId, line)
    })
  }

  /** All who ask in one turn of the loop go together. */
  #callSoon(tenantId: TenantId, line: Line<Q, A>): void {
    if (line.isCalled || line.underWay >= BATCHES_UNDER_WAY_MAX) return
    line.isCalled = true
    setImmediate(() => {
      line.isCalled = false
      while (line.waiting.length > 0 && line.underWay < BATCHES_UNDER_WAY_MAX)
        void this.#askSome(tenantId, line)
    })
  }

  async #askSome(tenantId: TenantId, line: Line<Q, A>): Promise<void> {
    const some = line.waiting.splice(0, line.atOnce)
    line.underWay += 1
    try {
      const answers = await this.#parts.askAll(
        tenantId,
        some.map(({ question }) => question),
      )
      if (answers.length !== some.length)
        throw new AforoError('unavailable', 'the centre answered with something else')
      let heaviest = 1
      for (const [i, { resolve }] of some.entries()) {
        heaviest = Math.max(heaviest, this.#parts.weightOf(answers[i]!))
        resolve(answers[i]!)
      }
      line.atOnce = Math.max(Math.min(BATCH_MAX, Math.floor(BATCH_WEIGHT_MAX / heaviest)), 1)
    } catch (error) {
      await this.#askApart(tenantId, some, error)
    } finally {
      line.underWay -= 1
      if (line.waiting.length > 0) this.#callSoon(tenantId, line)
      else if (line.underWay === 0) this.#lines.delete(tenantId)
    }
  }

  /** A fault may lie in one of the questions: each is asked by itself then. */
  async #askApart(tenantId: TenantId, some: readonly Waiting<Q, A>[], error: unknown): Promise<void> {
    const isOfAll = asAforoError(error).retryable || some.length === 1
    for (const { question, resolve, reject } of some) {
      if (isOfAll) reject(error)
      else await this.#parts.askAll(tenantId, [question]).then(([answer]) => resolve(answer!), reject)
    }
  }
}
