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

interface Queue<Q, A> {
  readonly waiting: Waiting<Q, A>[]
  underWay: number
  isScheduled: boolean
  /** As many as weigh little enough, by what the last answers weighed. Of whom nobody asked before, one. */
  atOnce: number
}

/**
 * Asks for many at once what is asked for one by one: who asks while as many questions as may be are under way is asked
 * for with all others who do. Who asks bounds how many wait.
 */
export class Batcher<Q, A> {
  readonly #parts: BatcherParts<Q, A>
  readonly #queues = new Map<TenantId, Queue<Q, A>>()

  constructor(parts: BatcherParts<Q, A>) {
    this.#parts = parts
  }

  ask(tenantId: TenantId, question: Q): Promise<A> {
    return new Promise((resolve, reject) => {
      let queue = this.#queues.get(tenantId)
      if (!queue) {
        queue = { waiting: [], underWay: 0, isScheduled: false, atOnce: 1 }
        this.#queues.set(tenantId, queue)
      }
      queue.waiting.push({ question, resolve, reject })
      this.#schedule(tenantId, queue)
    })
  }

  /** All who ask in one turn of the loop go together. */
  #schedule(tenantId: TenantId, queue: Queue<Q, A>): void {
    if (queue.isScheduled || queue.underWay >= BATCHES_UNDER_WAY_MAX) return
    queue.isScheduled = true
    setImmediate(() => {
      queue.isScheduled = false
      while (queue.waiting.length > 0 && queue.underWay < BATCHES_UNDER_WAY_MAX)
        void this.#askSome(tenantId, queue)
    })
  }

  async #askSome(tenantId: TenantId, queue: Queue<Q, A>): Promise<void> {
    const some = queue.waiting.splice(0, queue.atOnce)
    queue.underWay += 1
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
      queue.atOnce = Math.max(Math.min(BATCH_MAX, Math.floor(BATCH_WEIGHT_MAX / heaviest)), 1)
    } catch (error) {
      await this.#askApart(tenantId, some, error)
    } finally {
      queue.underWay -= 1
      if (queue.waiting.length > 0) this.#schedule(tenantId, queue)
      else if (queue.underWay === 0) this.#queues.delete(tenantId)
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
