import type { Source } from '../../core/decision.ts'
import { AforoError } from '../../core/errors.ts'
import type { HoldState } from '../../core/lease.ts'
import type { Checker } from '../checker.ts'
import { actualOf, isName } from './request.ts'

/** How a hold ended, in the words of the wire. */
interface HoldEndTold {
  readonly hold_id: string
  readonly state: HoldState
  readonly late: boolean
  readonly source: Source
}

/** Settles a hold with what the body says was used, or releases it. Rejects with `not_found` where there is none. */
export async function endHold(
  checker: Checker,
  id: unknown,
  verb: 'settle' | 'release',
  body: unknown,
): Promise<HoldEndTold> {
  const actual = verb === 'settle' ? actualOf(body) : null
  const ended = isName(id) ? await checker.endHold(id, actual) : null
  if (!ended) throw new AforoError('not_found', 'there is no such hold')
  const { holdId, state, late, source } = ended
  return { hold_id: holdId, state, late, source }
}
