import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Exchange } from '../../core/lease.ts'
import {
  type CheckWorld,
  centreOver,
  givenOut,
  post,
  putBudget,
  startCheckOver,
  startSidecar,
  startWorld,
  until,
} from './start.ts'

let world: CheckWorld
let upstream: Awaited<ReturnType<typeof startCheckOver>>
let sidecar: Awaited<ReturnType<typeof startSidecar>>

/** A centre that cannot take anything about one session, as where a row of it finds no place in the database. */
beforeAll(async () => {
  world = await startWorld()
  const { pool } = world.database
  await putBudget(pool, 'calls', { unit: 'model_calls', limit: '50', window: 'session' })
  const centre = centreOver(pool)
  const exchange: typeof centre.exchange = (tenantId, told) => {
    if (isAbout(told, 'poison')) throw new Error('it has no place')
    return centre.exchange(tenantId, told)
  }
  const take: typeof centre.take = async (tenantId, asked) => {
    if (isAbout({ holds: [asked.hold], orders: [] }, 'poison')) throw new Error('it has no place')
    return centre.take(tenantId, asked)
  }
  upstream = await startCheckOver(pool, 0, undefined, { ...centre, exchange, take })
  sidecar = await startSidecar(`http://127.0.0.1:${upstream.port}`)
})
afterAll(async () => {
  await sidecar.stop()
  await upstream.stop()
  await world.stop()
})

function isAbout({ holds, orders }: Pick<Exchange, 'holds' | 'orders'>, session: string): boolean {
  const keys = [
    ...holds.flatMap(({ takes }) => takes.map(({ counter }) => counter)),
    ...orders.map(({ counter }) => counter),
  ]
  return keys.some(({ subject }) => subject.includes(session))
}

test.each(['sidecar', 'check'])(
  'a message that a %s cannot have taken in keeps nothing else from being told',
  async (which) => {
    const { port } = which === 'sidecar' ? sidecar : upstream
    const url = `http://127.0.0.1:${port}`
    const ask = async (session: string) =>
      (
        await post(url, '/v1/check', {
          customer: 'acme',
          session: `${which} ${session}`,
          reserve: true,
          estimate: { input_tokens: 1, max_output_tokens: 1 },
        })
      ).body
    const sessions = Array.from({ length: 40 }, (_, no) => (no === 17 ? 'poison' : `s${no}`))
    const answers = await Promise.all(sessions.map(ask))
    expect(answers[17].decision).toBe('deny')
    // Whoever was told of beside it may have been denied once, and not again.
    const again = await Promise.all(sessions.filter((session) => session !== 'poison').map(ask))
    expect(again.map(({ decision }) => decision)).toEqual(again.map(() => 'allow'))
    const ends = await Promise.all(again.map(({ hold_id }) => post(url, `/v1/holds/${hold_id}/release`)))
    expect(ends.map(({ body }) => body.state)).toEqual(ends.map(() => 'released'))
    for (const { hold_id } of answers) if (hold_id) await post(url, `/v1/holds/${hold_id}/release`)
    await until(async () => Number((await givenOut(world.database.pool)).held) === 0)
  },
)
