/** What the clients themselves know to be done and to be let in, of one budget and subject. Whole numbers. */
export class Tally {
  /** A higher limit is noted before anybody is told of it. */
  limit: number
  readonly #name: string
  readonly #active = new Map<string, { readonly amount: number; readonly until: number }>()
  #done = 0
  #sum = 0
  #over = 0
  #most = 0
  #admitted = 0
  readonly faults: string[] = []

  constructor(name: string, limit: number) {
    this.#name = name
    this.limit = limit
  }

  /**
   * A call was let in. It counts until it ends or `until`, milliseconds of `performance.now()`: what nobody ended by then is
   * nobody's. What is done and what is let in at once is never beyond the limit.
   */
  admit(holdId: string, amount: number, until: number): void {
    if (!this.#active.has(holdId)) this.#admitted += 1
    this.#active.set(holdId, { amount, until })
    this.#sum = this.#done + this.#held()
    this.#most = Math.max(this.#most, this.#sum / this.limit)
    if (this.#sum > this.limit)
      this.faults.push(`${this.#name}: ${this.#sum} is done and let in of ${this.limit}`)
  }

  /** It will not be made; to be said before anybody else may have it. */
  letGo(holdId: string): void {
    this.#active.delete(holdId)
  }

  /** It was made. What it used beyond what it was let in with is nobody's promise. */
  finish(holdId: string, used: number, held: number): void {
    this.#active.delete(holdId)
    this.#done += Math.min(used, held)
    this.#over += Math.max(used - held, 0)
  }

  /** Whether nearly all of it was done and let in when somebody was let in last. */
  get isNearlyUsed(): boolean {
    return this.#sum > this.limit * 0.9
  }

  get done(): number {
    return this.#done
  }

  get over(): number {
    return this.#over
  }

  get admitted(): number {
    return this.#admitted
  }

  /** The most of the limit that was done and let in at once. */
  get most(): number {
    return this.#most
  }

  #held(): number {
    const now = performance.now()
    let sum = 0
    for (const [holdId, { amount, until }] of this.#active) {
      if (until > now) sum += amount
      else this.#active.delete(holdId)
    }
    return sum
  }
}
