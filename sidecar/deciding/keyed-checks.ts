import type { CheckRequest, Decision } from '../../core/decision.ts'
import { AforoError } from '../../core/errors.ts'
import { BoundedMap } from '../bounded-map.ts'

/** Checks remembered by their idempotency key. */
export const KEYS_MAX = 100_000

interface KeyedCheck {
  readonly body: string
  readonly answer: Promise<Decision>
}

/** The answer to a key is the first one; what comes with another body is a mistake. */
export class KeyedChecks {
  readonly #known = new BoundedMap<string, KeyedCheck>(KEYS_MAX)

  get size(): number {
    return this.#known.size
  }

  /** @throws AforoError `conflict` where the key came with another request */
  once(key: string, request: CheckRequest, check: () => Decision | Promise<Decision>): Promise<Decision> {
    const body = JSON.stringify(request)
    const known = this.#known.get(key)
    if (known && known.body !== body) {
      throw new AforoError('conflict', 'this idempotency_key came with another request')
    }
    if (known) return known.answer
    const answer = Promise.resolve(check())
    this.#known.set(key, { body, answer })
    // What failed was never answered: the next one may try.
    answer.catch(() => this.#known.delete(key))
    return answer
  }
}
