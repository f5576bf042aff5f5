import type { AlertState } from '../core/alert.ts'
import type { Decimal } from '../core/money.ts'
import { type Levels, nextState, thresholdOf } from './levels.ts'
import { type Observation, OPEN_MAX, type OpenState } from './observe/observation.ts'

/** A state that changes. */
export interface Change {
  readonly subject: string
  /** Null: what it is about is what it was about before. */
  readonly about: Observation['about'] | null
  readonly previous: AlertState
  readonly state: AlertState
  readonly reason: 'observed' | 'nothing_to_judge' | 'rule_ended'
  readonly value: Decimal | null
  readonly threshold: Decimal | null
  readonly figures: Observation['figures']
}

/**
 * Which states change by what was observed, in the order of the subjects: one of which nothing was seen has nothing to
 * judge. In whatever order observations come, the changes are the same.
 * @returns and how many subjects beyond a threshold found no room among `OPEN_MAX`; the furthest beyond come first
 */
export function changesOf(
  observations: readonly Observation[],
  open: readonly OpenState[],
  levels: Levels,
  leastMs: number,
  nowMs: number,
): { readonly changes: readonly Change[]; readonly leftOut: number } {
  const before = new Map(open.map((state) => [state.subject, state]))
  const seen = new Map(observations.map((observation) => [observation.subject, observation]))
  const subjects = [...new Set([...before.keys(), ...seen.keys()])].sort(byText)
  const changes = subjects.flatMap((subject) => {
    const { state: previous = 'ok' as const, sinceMs = 0 } = before.get(subject) ?? {}
    const observation = seen.get(subject) ?? {
      known: { certainty: 'nothing' as const },
      about: null,
      figures: {},
    }
    const { known, about, figures } = observation
    const used = ('levels' in observation && observation.levels) || levels
    const state = nextState({ state: previous, sinceMs }, known, used, leastMs, nowMs)
    if (state === previous) return []
    const isNothing = known.certainty === 'nothing'
    const reason = isNothing ? ('nothing_to_judge' as const) : ('observed' as const)
    const value = 'value' in known ? known.value : null
    const threshold = thresholdOf(used, state === 'ok' ? previous : state)
    return [{ subject, about, previous, state, reason, value, threshold, figures }]
  })
  return withinRoom(changes, open.length, levels)
}

/** Whoever is ok again makes room for others. */
function withinRoom(changes: readonly Change[], openCount: number, { direction }: Levels) {
  const others = changes.filter(({ previous }) => previous !== 'ok')
  const arriving = changes.filter(({ previous }) => previous === 'ok')
  const room = OPEN_MAX - openCount + others.filter(({ state }) => state === 'ok').length
  if (arriving.length <= room) return { changes, leftOut: 0 }
  const sign = direction === 'above' ? -1 : 1
  const ranked = [...arriving].sort(
    (a, b) => sign * (a.value?.comparedTo(b.value ?? 0) ?? 0) || byText(a.subject, b.subject),
  )
  const taken = [...others, ...ranked.slice(0, room)].sort((a, b) => byText(a.subject, b.subject))
  return { changes: taken, leftOut: arriving.length - room }
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
