import type { HoldEnded } from '../../core/lease.ts'
import { endHold, free, noteHold } from './book-holds.ts'
import { grantLease } from './grant-lease.ts'
import type { BookLease, LeaseBook, Told } from './lease-book.ts'

/** So much longer the centre waits before it takes back what is left. */
export const LEASE_GRACE_MS = 10_000
/**
 * Takes in what a sidecar tells: holds first, then how others ended, then its orders for leases, which have what was
 * freed by then.
 *
 * @param newLeaseId makes the id of a lease that is new
 * @returns how holds ended, those that are told of first; and a lease, or none, for each order
 */
export function takeIn(
  book: LeaseBook,
  told: Told,
  newLeaseId: () => string,
  now: number,
): {
  readonly ends: readonly (HoldEnded | { readonly holdId: string; readonly state: null })[]
  readonly leases: readonly (BookLease | null)[]
} {
  const ends: (HoldEnded | { readonly holdId: string; readonly state: null })[] = []
  for (const hold of told.holds) {
    noteHold(book, told.sidecarId, hold, now)
    if (hold.end !== null) ends.push(endHold(book, hold.end, now)!)
  }
  for (const end of told.ends) ends.push(endHold(book, end, now) ?? { holdId: end.holdId, state: null })
  const { sidecarId, seq } = told
  const leases = told.orders.map((order) => {
    return grantLease(book, { sidecarId, seq, newLeaseId: newLeaseId() }, order, now)
  })
  return { ends, leases }
}

/** Ends what nobody ended in time: holds, and leases whose sidecar did not come back. */
export function endOverdue(book: LeaseBook, now: number): void {
  for (const hold of book.holds.values()) {
    if (hold.expiresAt > now) continue
    if (hold.state === 'active') hold.state = 'expired'
    free(book, hold, () => 0n)
  }
  for (const [name, lease] of book.leases) {
    if (lease.expiresAt + LEASE_GRACE_MS > now) continue
    book.counters.get(lease.counter)!.leased -= lease.amount
    book.leases.delete(name)
  }
}
