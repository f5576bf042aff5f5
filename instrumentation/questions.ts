/** A question that waits for its answer. */
export interface Question {
  readonly frame: string
  /** It was asked again, over another connection. */
  isAgain: boolean
  answer(text: string): void
  fail(error: Error): void
}

/** Questions that may wait equally long, in the order in which they were asked. */
export class Questions {
  readonly #open = new Map<number, Question & { readonly at: number }>()
  readonly #timeoutMs: number
  readonly #late: (question: Question) => void
  #timer: NodeJS.Timeout | null = null

  /** @param late told of each one that waited for longer */
  constructor(timeoutMs: number, late: (question: Question) => void) {
    this.#timeoutMs = timeoutMs
    this.#late = late
  }

  get size(): number {
    return this.#open.size
  }

  /** Their frames. */
  *[Symbol.iterator](): Generator<string> {
    for (const { frame } of this.#open.values()) yield frame
  }

  add(id: number, { frame, isAgain, answer, fail }: Question): void {
    this.#open.set(id, { frame, isAgain, answer, fail, at: performance.now() })
    // One timer for all, which is not moved by answers: it looks for who is next when it comes.
    this.#timer ??= setTimeout(() => this.#sweep(), this.#timeoutMs).unref()
  }

  take(id: number): Question | undefined {
    const question = this.#open.get(id)
    if (question !== undefined) this.#open.delete(id)
    return question
  }

  takeAll(): ReadonlyMap<number, Question> {
    const all = new Map(this.#open)
    this.#open.clear()
    return all
  }

  #sweep(): void {
    this.#timer = null
    const now = performance.now()
    for (const [id, question] of this.#open) {
      const left = question.at + this.#timeoutMs - now
      if (left > 0) {
        this.#timer = setTimeout(() => this.#sweep(), Math.ceil(left)).unref()
        return
      }
      this.#open.delete(id)
      this.#late(question)
    }
  }
}
