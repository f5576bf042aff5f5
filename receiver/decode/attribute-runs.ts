import type { AttributeValue } from '../../core/span.ts'
import { ATTRIBUTES_PER_SPAN_MAX } from './limits.ts'

/**
 * Kept attributes, one behind the other: the index of the key, and beside it the value. The attributes of one span
 * (or resource) are a run.
 */
export class AttributeRuns {
  /** First attribute of the run being filled. */
  runFrom = 0
  /** Attribute behind the last one. */
  count = 0
  #keys: Uint16Array
  readonly #values: AttributeValue[]

  /** @param expected about how many attributes will come; more may */
  constructor(expected: number) {
    this.#keys = new Uint16Array(expected)
    this.#values = new Array<AttributeValue>(expected)
  }

  /** Opens a run and returns where it begins. */
  startRun(): number {
    this.runFrom = this.count
    return this.count
  }

  /** Forgets what was put since `startRun`. */
  dropRun(): void {
    this.count = this.runFrom
  }

  /** Adds to the run, unless that is full. */
  put(key: number, value: AttributeValue): void {
    if (this.count - this.runFrom < ATTRIBUTES_PER_SPAN_MAX) this.putBeyondLimit(key, value)
  }

  /** Adds to the run even where it is full: for what the decoder itself has to say, once. */
  putBeyondLimit(key: number, value: AttributeValue): void {
    if (this.count === this.#keys.length) this.#grow()
    this.#keys[this.count] = key
    this.#values[this.count] = value
    this.count++
  }

  keyAt(position: number): number {
    return this.#keys[position]!
  }

  valueAt(position: number): AttributeValue {
    return this.#values[position]!
  }

  #grow(): void {
    const larger = new Uint16Array(this.#keys.length * 2)
    larger.set(this.#keys)
    this.#keys = larger
  }
}
