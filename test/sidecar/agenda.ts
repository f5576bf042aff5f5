/** What happens, in the order of time; of two at once, the one that was planned first. */
export class Agenda {
  readonly #heap: Happening[] = []
  #no = 0

  add(at: number, run: () => void): void {
    const heap = this.#heap
    const added = { at, no: this.#no++, run }
    let place = heap.length
    heap.push(added)
    while (place > 0) {
      const above = (place - 1) >> 1
      if (isBefore(heap[above]!, added)) break
      heap[place] = heap[above]!
      place = above
    }
    heap[place] = added
  }

  next(): { readonly at: number; readonly run: () => void } | null {
    const first = this.#heap[0]
    if (!first) return null
    const last = this.#heap.pop()!
    if (this.#heap.length > 0) sink(this.#heap, last)
    return first
  }
}

interface Happening {
  readonly at: number
  readonly no: number
  readonly run: () => void
}

function isBefore(a: Happening, b: Happening): boolean {
  return a.at < b.at || (a.at === b.at && a.no < b.no)
}

function sink(heap: Happening[], item: Happening): void {
  let at = 0
  for (;;) {
    let below = at * 2 + 1
    if (below >= heap.length) break
    if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below += 1
    if (isBefore(item, heap[below]!)) break
    heap[at] = heap[below]!
    at = below
  }
  heap[at] = item
}

/** Numbers from 0 to 1 that follow from the seed (mulberry32). */
export function dice(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
