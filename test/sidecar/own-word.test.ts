import { afterAll, beforeAll, expect, test } from 'vitest'
import { kill } from '../../schema/budgets/kills.ts'
import type { Change } from '../../sidecar/centre/centre.ts'
import { type CheckWorld, centreOver, post, startCheckOver, startWorld } from './start.ts'

let world: CheckWorld
let server: Awaited<ReturnType<typeof startCheckOver>>
/** Tells the server what the centre's stream brings: here it comes when the test says so. */
let tell: (change: Change) => void

beforeAll(async () => {
  world = await startWorld()
  const centre = centreOver(world.database.pool)
  const follow: typeof centre.follow = (_, heard) => {
    tell = heard
    return () => {}
  }
  server = await startCheckOver(world.database.pool, 0, undefined, { ...centre, follow })
})
afterAll(async () => {
  await server.stop()
  await world.stop()
})

const url = () => `http://127.0.0.1:${server.port}`
const word = (session: string, what: 'kill' | 'lift') => post(url(), `/v1/sessions/${session}/${what}`)
const check = async (session: string): Promise<string> =>
  (await post(url(), '/v1/check', { customer: 'acme', session })).body.decision
const stream = (id: string, isKilled: boolean) => tell({ kind: 'kill', of: 'session', id, isKilled })

test('a session that was let go on is not stopped by what the stream tells late', async () => {
  await check('late-kill')
  await word('late-kill', 'kill')
  await word('late-kill', 'lift')
  stream('late-kill', true)
  expect(await check('late-kill')).toBe('allow')
})

test('a session that was stopped is not let go on by what the stream tells late', async () => {
  await check('late-lift')
  await word('late-lift', 'kill')
  await word('late-lift', 'lift')
  await word('late-lift', 'kill')
  stream('late-lift', false)
  expect(await check('late-lift')).toBe('deny')
})

test('another who stops it just after it was let go on is heard', async () => {
  await word('another', 'kill')
  await word('another', 'lift')
  expect(await check('another')).toBe('allow')
  const who = { kind: 'session', id: 'another' } as const
  await kill(world.database.pool, 'default', who, null, new Date())
  stream('another', true)
  expect(await check('another')).toBe('deny')
})
