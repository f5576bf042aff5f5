import { NO_RATES } from '../../core/rate-card.ts'
import type { LeaseBook } from '../../schema/budgets/lease-book.ts'
import { takeAsked } from '../../schema/budgets/take-asked.ts'
import { firstHold } from '../../sidecar/leases/first-hold.ts'
import { HOLD_REQUEST_MS_MAX } from '../../sidecar/leases/hold-requests.ts'
import type { HoldOrder, OpenHold } from '../../sidecar/leases/open-hold.ts'
import { namedHold, type Schedule, type Sidecar } from './simulation-checks.ts'

/** Whose holds all are. */
export const NOBODYS = {
  spender: { customer: 'acme', product: null, agent: null, session: null, trace: null },
  model: null,
  card: NO_RATES,
}
export const ASKING = { isKnown: true, isKilled: false, wantsHold: true, isAway: false, isUnderWay: false }

/** What a schedule has for those who ask: a network that is as bad as it says, and what is done of it. */
export interface FirstWorld {
  readonly book: LeaseBook
  readonly schedule: Schedule
  now(): number
  random(): number
  bad(percent: number): boolean
  after(ms: number, run: () => void): void
  delay(): number
  isCutOff(sidecar: Sidecar): boolean
  send(sidecar: Sidecar): void
  /** Something was changed at the centre. */
  changed(): void
}

/**
 * Asks the centre to take a hold, once, as a checker does: no answer in time is none, and what may have been taken is released.
 * @param answered with whether it was taken; null: nobody could say
 */
export function askFirst(
  world: FirstWorld,
  sidecar: Sidecar,
  order: HoldOrder,
  answered: (isTaken: boolean | null) => void,
): void {
  const { book, schedule, now, bad, after, delay, isCutOff, random } = world
  const { life } = sidecar
  const asked = namedHold(firstHold(order, sidecar.clock(now())))
  let isOver = false
  const isGone = () => isOver || sidecar.isDead || sidecar.life !== life
  after(HOLD_REQUEST_MS_MAX, () => {
    if (isGone()) return
    isOver = true
    sidecar.book.end({ holdId: order.holdId, actual: null })
    world.send(sidecar)
    answered(null)
  })
  const take = () => {
    const isTaken = takeAsked(book, asked, now())
    world.changed()
    return isTaken
  }
  const deliver = () => {
    const isTaken = take()
    if (bad(schedule.lost)) return
    after(delay(), () => {
      if (isGone() || isCutOff(sidecar)) return
      isOver = true
      answered(isTaken)
    })
  }
  if (isCutOff(sidecar)) return
  if (!bad(schedule.lost)) after(delay(), deliver)
  if (bad(schedule.doubled)) after(delay() + random() * 2_000, take)
}

/** As a checker does with a hold that outlasts its leases. */
export function heardFirst(
  now: () => number,
  sidecar: Sidecar,
  hold: OpenHold,
  until: number,
  run: () => void,
): void {
  sidecar.waiting.push(() => {
    if (sidecar.book.find(hold.holdId) !== undefined) heardFirst(now, sidecar, hold, until, run)
    else if (sidecar.clock(now()) < until) run()
    else sidecar.book.end({ holdId: hold.holdId, actual: null })
  })
}
