import { Registry } from 'prom-client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { memoryCentre } from '../../bench/check-centre.ts'
import { AforoError } from '../../core/errors.ts'
import type { HoldRecord, Taken } from '../../core/lease.ts'
import { SILENT } from '../../core/log.ts'
import { NO_RATES } from '../../core/rate-card.ts'
import { createCheckMetrics } from '../metrics.ts'
import { HOLD_REQUEST_MS_MAX, HOLD_REQUESTS_MAX, HoldRequests } from './hold-requests.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

/** Holds asked for at a centre that answers when it is told to. */
function requestsOver() {
  const answers: ((answer: Taken | Error) => void)[] = []
  const released: string[] = []
  const take = () =>
    new Promise<Taken>((resolve, reject) => {
      answers.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer)))
    })
  const requests = new HoldRequests('default', {
    centre: { ...memoryCentre(), take },
    sidecarId: 'a',
    clock: () => 0,
    log: SILENT,
    metrics: createCheckMetrics(new Registry()),
    onStandings: () => {},
    release: (holdId) => void released.push(holdId),
  })
  return { requests, answers, released }
}

const hold = (holdId: string): HoldRecord => ({
  holdId,
  spender: { customer: 'acme', product: null, agent: null, session: 's', trace: null },
  model: null,
  heldBy: 'price',
  takes: [],
  card: NO_RATES,
  msLeft: 1_000,
  end: null,
})
const TAKEN: Taken = { isTaken: true, standings: [] }

test('whoever is one too many is answered at once, the others as the centre says', async () => {
  const { requests, answers } = requestsOver()
  const asked = Array.from({ length: HOLD_REQUESTS_MAX }, (_, no) => requests.take(hold(`h${no}`)))
  expect(await requests.take(hold('one too many'))).toBe('late')
  for (const [no, answer] of answers.entries()) answer({ ...TAKEN, isTaken: no % 2 === 0 })
  const outcomes = await Promise.all(asked)
  expect(outcomes.filter((outcome) => outcome === 'taken')).toHaveLength(HOLD_REQUESTS_MAX / 2)
  expect(outcomes.filter((outcome) => outcome === 'refused')).toHaveLength(HOLD_REQUESTS_MAX / 2)
  const next = requests.take(hold('next'))
  answers.at(-1)!(TAKEN)
  expect(await next, 'there is room again').toBe('taken')
})

test('nobody waits for longer, and what is taken for whom nobody waits is released', async () => {
  const { requests, answers, released } = requestsOver()
  const [one, other] = [requests.take(hold('one')), requests.take(hold('other'))]
  await vi.advanceTimersByTimeAsync(HOLD_REQUEST_MS_MAX)
  expect([await one, await other]).toEqual(['late', 'late'])
  answers[0]!(TAKEN)
  answers[1]!({ ...TAKEN, isTaken: false })
  await vi.advanceTimersByTimeAsync(0)
  expect(released).toEqual(['one'])
})

test('where nobody can say whether it was taken it is released; what the centre cannot take in was not', async () => {
  const { requests, answers, released } = requestsOver()
  const [away, refused] = [requests.take(hold('away')), requests.take(hold('refused'))]
  answers[0]!(new AforoError('unavailable', 'away'))
  answers[1]!(new AforoError('internal', 'it has no place'))
  expect([await away, await refused]).toEqual(['late', 'refused'])
  expect(released).toEqual(['away'])
})
