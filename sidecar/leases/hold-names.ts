import { createHash } from 'node:crypto'

/** The number in a hold's id, from 1. */
const DIGITS = /^[1-9a-z][0-9a-z]{0,10}$/

/** Names the holds of one tenant in one sidecar. */
export class HoldNames {
  readonly #numbered: string
  #last = 0

  constructor(sidecarId: string) {
    this.#numbered = `hold_${sidecarId}_`
  }

  next(): string {
    return this.#numbered + (++this.#last).toString(36)
  }

  /** Whether it is one of ours that has a number. */
  isNumbered(holdId: string): boolean {
    if (!holdId.startsWith(this.#numbered)) return false
    const digits = holdId.slice(this.#numbered.length)
    return DIGITS.test(digits) && Number.parseInt(digits, 36) <= this.#last
  }
}

/** A key names one hold, whichever sidecar it comes to. */
export function keyedHold(key: string): string {
  return `hold_${createHash('sha256').update(key).digest('base64url').slice(0, 32)}`
}
