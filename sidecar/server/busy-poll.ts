/** So long after an answer a loop is kept from sleeping, in milliseconds: about what it costs both ends to wake it. */
export const BUSY_POLL_MS_MAX = 0.05
/** After a wait in vain so many answers go by before the next; each further one in vain doubles it. */
export const ANSWERS_SKIPPED_MIN = 16
export const ANSWERS_SKIPPED_MAX = 4_096

/**
 * Keeps an event loop turning for a moment after it has answered. Who waits for each answer asks again within microseconds,
 * and finds the loop awake then: to wake it from another core takes longer than the question itself. Where nobody asks in
 * time it is left to sleep, and the moments grow rare: of sparse questions, and of a client that waits for our core, it takes
 * next to nothing. Not for a thread whose core others have work for.
 *
 * @param clock milliseconds of a monotonic clock
 * @param nextTurn calls back at the end of a turn of the loop, which does not sleep before
 */
export class BusyPoll {
  readonly #clock: () => number
  readonly #nextTurn: (then: () => void) => void
  #until = 0
  #isTurning = false
  /** Answers that are not waited behind, of now and after the next wait in vain. */
  #toSkip = 0
  #toSkipNext = ANSWERS_SKIPPED_MIN

  constructor(clock: () => number, nextTurn: (then: () => void) => void = setImmediate) {
    this.#clock = clock
    this.#nextTurn = nextTurn
  }

  /** Something was answered. */
  answered(): void {
    if (this.#isTurning) {
      // It was asked in time.
      this.#toSkipNext = Math.max(this.#toSkipNext >> 1, ANSWERS_SKIPPED_MIN)
    } else if (this.#toSkip > 0) {
      this.#toSkip -= 1
      return
    } else {
      this.#isTurning = true
      this.#nextTurn(this.#turn)
    }
    this.#until = this.#clock() + BUSY_POLL_MS_MAX
  }

  readonly #turn = (): void => {
    if (this.#clock() < this.#until) {
      this.#nextTurn(this.#turn)
      return
    }
    this.#isTurning = false
    this.#toSkip = this.#toSkipNext
    this.#toSkipNext = Math.min(this.#toSkipNext * 2, ANSWERS_SKIPPED_MAX)
  }
}
