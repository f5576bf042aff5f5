import { setTimeout as pause } from 'node:timers/promises'
import type { Beside, Fleet, Kept } from './fleet.ts'

/** What befell a fleet, and how often. */
export type Befell = ReadonlyMap<string, number>

/**
 * Does harm to a fleet for so long: links are cut and stalled, processes are stopped so that time is missing to them, and
 * killed and started again. Everything is up again, and every link healed, when it resolves.
 */
export async function disturb(fleet: Fleet, forMs: number, random: () => number): Promise<Befell> {
  const befell = new Map<string, number>()
  const until = performance.now() + forMs
  const busy = new Set<Kept>()
  const under = new Set<Promise<void>>()
  const between = (least: number, most: number) => least + Math.floor(random() * (most - least + 1))
  const harms: readonly [
    share: number,
    name: string,
    do_: (sidecar: Beside) => Promise<void>,
    whole?: true,
  ][] = [
    [0.26, 'link cut', cutFor(() => between(300, 6_000))],
    [0.52, 'link stalled', stallFor(() => between(300, 6_000))],
    [0.7, 'sidecar stopped and continued', stopFor(() => between(100, 4_000))],
    [0.84, 'sidecar killed', killFor(() => between(0, 500))],
    [0.93, 'serve stopped and continued', stopFor(() => between(100, 3_000)), true],
    [1, 'serve killed', killFor(() => between(0, 500)), true],
  ]
  const longest = (what: string, ms: number) => befell.set(what, Math.max(befell.get(what) ?? 0, ms))
  while (performance.now() < until) {
    await pause(between(300, 1_500))
    const dice = random()
    const [, name, harm, isServe] = harms.find(([share]) => dice < share)!
    const target = isServe ? fleet.serve : fleet.sidecars[between(0, fleet.sidecars.length - 1)]!
    if (busy.has(target)) continue
    befell.set(name, (befell.get(name) ?? 0) + 1)
    busy.add(target)
    const began = performance.now()
    const done = harm(target as Beside).finally(() => {
      // A settled hold lets go after a minute: spans that a centre away for longer hears of then are beyond it.
      if (isServe) longest('serve away at most, ms', Math.round(performance.now() - began))
      busy.delete(target)
      under.delete(done)
    })
    under.add(done)
    done.catch(() => {})
  }
  await Promise.all(under)
  return befell
}

function cutFor(ms: () => number) {
  return async ({ link }: Beside) => {
    link.cut()
    await pause(ms())
    link.heal()
  }
}

function stallFor(ms: () => number) {
  return async ({ link }: Beside) => {
    link.stall()
    await pause(ms())
    link.heal()
  }
}

function stopFor(ms: () => number) {
  return async (kept: Kept) => {
    kept.process.child.kill('SIGSTOP')
    await pause(ms())
    kept.process.child.kill('SIGCONT')
  }
}

function killFor(ms: () => number) {
  return async (kept: Kept) => {
    await kept.kill()
    await pause(ms())
    await kept.restart()
  }
}
