import type { LeaseOrder } from '../../core/lease.ts'
import { leastOf, mostOf, type Scaled, scaled, wholeOf } from '../../core/scaled.ts'
import { type BookLease, type LeaseBook, leaseName } from './lease-book.ts'

/** A lease lasts so long unless it is renewed, by the clock of the sidecar from before it asked. */
export const LEASE_MS = 120_000
/** Beyond what is needed now a lease is at most this part of the room there is. */
const SPARE_SHARE = 8n

/**
 * Makes a lease as large as it is wished, as far as there is room: what is needed in any case, and beyond that a small
 * part of the room, so that others find some. Smaller it gets at once. An order that was overtaken changes nothing. The
 * room is what the newest limit leaves, whatever it was before; where there is none to keep to, of a budget that has ended or
 * is soft by now, a lease that is out only gets smaller.
 *
 * @param newLeaseId of the lease that is made where there is none
 */
export function grantLease(
  book: LeaseBook,
  told: { readonly sidecarId: string; readonly seq: number; readonly newLeaseId: string },
  order: LeaseOrder & { readonly name: string },
  now: number,
): BookLease | null {
  const counter = book.counters.get(order.name)
  if (!counter) return null
  const name = leaseName(order.name, told.sidecarId)
  const lease = book.leases.get(name)
  if (lease && lease.seq > told.seq) return lease
  if (counter.limit === null && !lease) return null
  const before = lease?.amount ?? 0n
  const target = scaled(order.target)
  const room = counter.limit === null ? 0n : mostOf(counter.limit - counter.used - counter.leased, 0n)
  // An order that comes again finds some of what it needs in the lease: never more than the target is granted, or the same
  // order once more would take back what its sidecar was told it has.
  const wanted = target - before
  const wish = {
    wanted,
    need: leastOf(scaled(order.need), wanted),
    least: leastOf(scaled(order.least), wanted),
  }
  const amount = target <= before ? mostOf(target, 0n) : before + grantOf(room, before, wish, counter.isWhole)
  counter.leased += amount - before
  if (lease) {
    lease.amount = amount
    lease.seq = told.seq
    lease.expiresAt = now + LEASE_MS
    if (amount > 0n || target > 0n) return lease
    book.leases.delete(name)
    return null
  }
  if (amount === 0n) return null
  const made = {
    leaseId: told.newLeaseId,
    counter: order.name,
    sidecarId: told.sidecarId,
    amount,
    seq: told.seq,
    expiresAt: now + LEASE_MS,
  }
  book.leases.set(name, made)
  return made
}

/**
 * How much of the room a lease gets that has `before`: what it needs now, or all there is where that is less and would
 * help. To spare it has at most a small part of what nobody else has, and of what
 * is counted only wholes.
 */
export function grantOf(
  room: Scaled,
  before: Scaled,
  { wanted, need, least }: { readonly wanted: Scaled; readonly need: Scaled; readonly least: Scaled },
  isWhole: boolean,
): Scaled {
  const beyond = (enough: Scaled, most: Scaled) => enough + (isWhole ? wholeOf(most - enough) : most - enough)
  if (room < need) return room >= least ? beyond(least, room) : 0n
  const spare = mostOf((room + before) / SPARE_SHARE - before, 0n)
  return beyond(need, mostOf(need, leastOf(wanted, leastOf(spare, room))))
}
