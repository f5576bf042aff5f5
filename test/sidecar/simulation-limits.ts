import type { CounterStanding } from '../../core/lease.ts'
import { leastOf, mostOf, SCALED_ONE, type Scaled, scaled, scaledText, wholeOf } from '../../core/scaled.ts'
import { amissOfHearing, KEYS, type Schedule, type Sidecar } from './simulation-checks.ts'

/** What limits need of the world that they change in. */
export interface LimitsWorld {
  readonly sidecars: readonly Sidecar[]
  readonly faults: string[]
  now(): number
  random(): number
  chance(percent: number): boolean
  after(ms: number, run: () => void): void
  delay(): number
  isCutOff(sidecar: Sidecar): boolean
  send(sidecar: Sidecar): void
}

/** The limits of a simulation, which are raised and lowered while all goes on, and who has heard of it. */
export class Limits {
  /** Null: the budget has ended. */
  readonly now: (Scaled | null)[]
  /** How often each was changed. */
  readonly editions = [0, 0]
  /** What may be used and come of what was let in: the limit, or what was out when it fell, as far as that still is. */
  readonly #bounds: (Scaled | null)[]

  constructor({ calls, tokens }: Schedule) {
    this.now = [BigInt(calls) * SCALED_ONE, BigInt(tokens) * SCALED_ONE]
    this.#bounds = [...this.now]
  }

  /** What is amiss where so much may come of what was let in, and so much is used and out. */
  amiss(no: number, may: Scaled, out: Scaled, at: number): string[] {
    const limit = this.now[no]!
    if (limit === null) return []
    const bound = mostOf(limit, leastOf(this.#bounds[no]!, out))
    this.#bounds[no] = bound
    return may > bound
      ? [`${KEYS[no]!.budgetId}: ${scaledText(may)} of ${scaledText(bound)} at ${at} ms`]
      : []
  }

  /**
   * A limit is raised or lowered, or a budget ends: all are told of that, each in its own time. A wallet's falls without a
   * version of the budget: nobody is told of it but by how its counter stands.
   * @returns which, where all are told
   */
  change(world: LimitsWorld): number | null {
    const { random, chance, after, delay } = world
    const no = chance(50) ? 1 : 0
    const limit = this.now[no]!
    if (limit === null) return null
    this.editions[no]! += 1
    const edition = this.editions[no]!
    const isEnd = chance(15)
    const isVersion = isEnd || chance(60)
    this.now[no] = isEnd ? null : wholeOf((limit * BigInt(Math.floor(random() * 20))) / 10n)
    if (!isVersion) return null
    for (const sidecar of world.sidecars) {
      const hear = () => {
        if (sidecar.isDead) return
        if (world.isCutOff(sidecar)) return after(sidecar.cutOffTo - world.now() + delay(), hear)
        // Who comes back is told that something may have changed, and not what.
        sidecar.book.recall(world.now() < sidecar.cutOffTo || chance(50) ? [KEYS[no]!.budgetId] : null)
        this.#heard(world, sidecar, no, edition)
        world.send(sidecar)
        after(delay(), () => {
          sidecar.isEnded[no] = this.now[no] === null
        })
      }
      after(delay(), hear)
    }
    return no
  }

  /** News of how counters stand, as the limits were when it was made. */
  hear(
    world: LimitsWorld,
    sidecar: Sidecar,
    news: {
      readonly standings: readonly CounterStanding[]
      readonly editions: readonly number[]
      asOf: number
    },
  ): void {
    if (sidecar.isDead || world.isCutOff(sidecar)) return
    for (const [no, standing] of news.standings.entries()) {
      const counter = sidecar.counters[no]!
      const isLower = standing.limit === null || scaled(standing.limit) < counter.limit
      let isHeard = true
      if (counter.isAsked) counter.hearLimit(standing.limit)
      else isHeard = counter.learn(standing, news.asOf)
      if (isHeard && isLower) this.#heard(world, sidecar, no, news.editions[no]!)
    }
    if (sidecar.counters.some(({ isRecalled }) => isRecalled)) world.send(sidecar)
  }

  #heard({ faults, now }: LimitsWorld, sidecar: Sidecar, no: number, edition: number): void {
    sidecar.heard[no] = Math.max(sidecar.heard[no]!, edition)
    faults.push(...amissOfHearing(sidecar, no, now()))
  }
}
