/**
 * Places of a list, of which more and more are taken. A taken place points at one before it, and whoever passes shortens the
 * way for the next, so that looking for a free one takes near constant time however many are taken.
 */
export class FreePlaces {
  /** By place + 1: itself where it is free, else one before it. Nought stands for none. */
  readonly #at: Int32Array

  constructor(length: number) {
    this.#at = new Int32Array(length + 1)
    for (let place = 0; place <= length; place++) this.#at[place] = place
  }

  /** The last free place that is not after this one; -1 where none is. */
  lastUntil(place: number): number {
    let at = place + 1
    while (this.#at[at] !== at) {
      this.#at[at] = this.#at[this.#at[at]!]!
      at = this.#at[at]!
    }
    return at - 1
  }

  take(place: number): void {
    this.#at[place + 1] = place
  }
}
