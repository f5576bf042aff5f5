import { addHold, HOLD_GRACE_MS, isMark } from './book-holds.ts'
import type { BookTake, LeaseBook, ToldHold } from './lease-book.ts'

/**
 * Takes a hold of every counter it names, or of none: where what is used and given out stays within each limit with it, as
 * for a lease. Of a counter without a limit to keep to nothing is held. One that is known was taken before.
 * @returns whether it was taken
 */
export function takeAsked(book: LeaseBook, told: ToldHold, now: number): boolean {
  const known = book.holds.get(told.holdId)
  if (known && !isMark(known)) return known.state !== 'expired'
  if (told.msLeft + HOLD_GRACE_MS <= 0) return false
  for (const { counter: name, amount } of told.takes) {
    const counter = book.counters.get(name)
    if (counter && counter.limit !== null && counter.used + counter.leased + amount > counter.limit)
      return false
  }
  const takes = told.takes.map(({ counter: name, unit, amount }): BookTake => {
    const counter = book.counters.get(name)
    const held = counter && counter.limit !== null ? amount : 0n
    if (counter) counter.leased += held
    return { counter: name, unit, taken: amount, held }
  })
  addHold(book, told, takes, now)
  return true
}
