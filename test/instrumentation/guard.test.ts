import { trace } from '@opentelemetry/api'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  CheckRefusedError,
  CheckUnavailableError,
  createGuard,
  DeniedError,
  guard,
  metered,
  type RunningGuard,
  workSignal,
} from '../../instrumentation/index.ts'
import { endBudget } from '../../schema/budgets/define.ts'
import { transaction } from '../../schema/pool.ts'
import { addCustomer, putBudget, until, use } from '../sidecar/start.ts'
import { type GuardedWorld, startGuarded } from './world.ts'

let world: GuardedWorld

beforeAll(async () => {
  world = await startGuarded()
  await putBudget(world.database.pool, 'calls', {
    scope: { agent: 'counted' },
    limit: '1',
    unit: 'model_calls',
  })
  await world.knows('calls', { customer: 'acme', agent: 'counted' })
})
afterAll(() => world.stop())
beforeEach(() => world.spans.reset())

const CALL = {
  customer: 'acme',
  model: 'claude-sonnet-4-6',
  estimate: { input_tokens: '1000', max_output_tokens: '4000' },
}

/** What an instrumented client would do. */
const modelCall = () => trace.getTracer('client').startSpan('chat').end()

async function holdOfSpan(): Promise<string> {
  await world.tracing.flush()
  const ids = world.spans.getFinishedSpans().map(({ attributes }) => attributes['aforo.hold.id'])
  expect(ids).toHaveLength(1)
  return String(ids[0])
}

describe('a guarded call', () => {
  test('holds what it may cost, names the hold on its spans, and settles', async () => {
    const answer = await guard(
      CALL,
      async (signal) => {
        modelCall()
        return signal.aborted
      },
      () => ({ input_tokens: '1000', output_tokens: '10' }),
    )
    expect(answer).toBe(false)
    const hold = await holdOfSpan()
    await until(async () => (await world.stateOf(hold)) === 'settled')
  })

  test('that fails throws what it threw, and settles', async () => {
    const error = new RangeError('the caller’s own')
    const failing = guard(CALL, async () => {
      modelCall()
      throw error
    })
    await expect(failing).rejects.toBe(error)
    const hold = await holdOfSpan()
    await until(async () => (await world.stateOf(hold)) === 'settled')
  })

  test('does not run where its budget has no room', async () => {
    const counted = { ...CALL, agent: 'counted' }
    let runs = 0
    const run = () => guard(counted, async () => ++runs)
    await run()
    const refused = await run().catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(DeniedError)
    expect((refused as DeniedError).decision).toMatchObject({ reason: 'budget_exhausted', budget: 'calls' })
    expect(runs).toBe(1)
  })

  test('of a stream is over when the stream is read', async () => {
    const stream = await guard(CALL, async function* () {
      modelCall()
      yield 1
      yield 2
    })
    const read: number[] = []
    for await (const n of stream as AsyncIterable<number>) {
      read.push(n)
      if (n === 1) expect(await world.stateOf(await holdOfSpan())).not.toBe('settled')
    }
    expect(read).toEqual([1, 2])
    const hold = await holdOfSpan()
    await until(async () => (await world.stateOf(hold)) === 'settled')
  })

  test('without a customer is nobody’s budget, and runs', async () => {
    expect(await guard({ model: 'm' }, async () => 7)).toBe(7)
  })
})

describe('stopped in flight', () => {
  /** A call that runs until it is aborted, and when it has begun. */
  function longCall() {
    let begin = () => {}
    const begun = new Promise<void>((resolve) => {
      begin = resolve
    })
    const aborted = (signal: AbortSignal) => {
      begin()
      return new Promise<never>((_, reject) =>
        signal.addEventListener('abort', () =>
          reject(new DOMException('This operation was aborted', 'AbortError')),
        ),
      )
    }
    return { aborted, begun }
  }

  test('a killed session aborts the call that runs, which tells why', async () => {
    const { aborted, begun } = longCall()
    const running = guard({ ...CALL, session: 'runaway' }, aborted).catch((error: unknown) => error)
    await begun
    await world.post('/v1/sessions/runaway/kill')
    const error = (await running) as DeniedError
    expect(error).toBeInstanceOf(DeniedError)
    expect(error.decision.reason).toBe('killed')
    expect(error.cause).toBeInstanceOf(DOMException)
  })

  test.each([
    [
      'of a product that start names',
      {},
      { scope: { product: 'guarded' }, window: 'session' as const },
      ['s-product'],
    ],
    ['of an agent that the work around names', {}, { scope: { agent: '*' } }, ['runner']],
    ['of a customer, without a session', { session: '' }, { scope: { customer: '*' } }, ['other']],
  ])('a budget %s aborts the call once it is used up', async (_what, of, budget, subject) => {
    const id = subject[0]!
    const customer = id === 'other' ? 'other' : 'acme'
    if (customer === 'other') await addCustomer(world.database.pool, 'default', 'other')
    await putBudget(world.database.pool, id, { ...budget, limit: '10', unit: 'tokens' })
    await world.knows(id, { customer, product: 'guarded', agent: 'runner', session: 's-product' })
    const { aborted, begun } = longCall()
    const work = metered({ agent: 'runner', customer, session: 's-product', ...of }, () => guard({}, aborted))
    const running = work().catch((error: unknown) => error)
    await begun
    await use(world.database.pool, id, subject, '11')
    const error = (await running) as DeniedError
    expect(error).toBeInstanceOf(DeniedError)
    expect(error.decision).toMatchObject({ reason: 'budget_exhausted', budget: id })
    await transaction(world.database.pool, (client) => endBudget(client, 'default', id, new Date()))
  })

  test('and the whole of the guarded work around it', async () => {
    const { aborted, begun } = longCall()
    const work = metered({ agent: 'desk', customer: 'acme', session: 'loop', guard: true }, async () => {
      expect(workSignal().aborted).toBe(false)
      return aborted(workSignal())
    })
    const running = work().catch((error: unknown) => error)
    await begun
    await world.post('/v1/sessions/loop/kill')
    expect(await running).toBeInstanceOf(DeniedError)
    await expect(work()).rejects.toBeInstanceOf(DeniedError)
  })
})

describe('a trace that began in another month', () => {
  const BEGAN = new Date('2026-10-31T23:59:59.999Z')
  const monthsOf = async (agent: string) => {
    const { rows } = await world.database.pool.query(
      `select distinct to_char(window_start at time zone 'UTC', 'YYYY-MM-DD') as month
       from aforo_store.budget_holds join aforo_store.budget_hold_takes using (tenant_id, hold_id) where agent = $1`,
      [agent],
    )
    return rows.map((row) => row.month)
  }

  test('is held of that month, by all that is guarded in it', async () => {
    const scope = { product: 'turning' }
    await putBudget(world.database.pool, 'turning', {
      scope,
      unit: 'tokens',
      limit: '1000000',
      window: 'month',
    })
    await world.knows('turning', { customer: 'acme', product: 'turning' })
    const { estimate } = CALL
    const inner = metered(
      { agent: 'inner', customer: 'acme', product: 'turning', guard: { estimate } },
      async () => {},
    )
    await trace.getTracer('own').startActiveSpan('root', { startTime: BEGAN }, async (root) => {
      await guard({ ...CALL, product: 'turning', agent: 'outer' }, async () => {})
      await inner()
      root.end()
    })
    for (const agent of ['outer', 'inner']) {
      await until(async () => (await monthsOf(agent)).length > 0)
      expect(await monthsOf(agent)).toEqual(['2026-10-01'])
    }
    await guard({ ...CALL, product: 'turning', agent: 'now' }, async () => {})
    await until(async () => (await monthsOf('now')).length > 0)
    expect(await monthsOf('now')).not.toContain('2026-10-01')
  })
})

describe('guarded metering', () => {
  test('hands on what an async generator returns at its end', async () => {
    const answer = metered({ customer: 'acme', agent: 'returning', guard: true }, async function* () {
      yield 'part'
      return 'whole'
    })
    const run = answer()
    expect(await run.next()).toEqual({ done: false, value: 'part' })
    expect(await run.next()).toEqual({ done: true, value: 'whole' })
  })

  test('begins an async generator only where it may', async () => {
    const stream = metered({ customer: 'acme', session: 'told', guard: true }, async function* (n: number) {
      yield n
      yield n + 1
    })
    const read: number[] = []
    for await (const n of stream(4)) read.push(n)
    expect(read).toEqual([4, 5])
    await world.post('/v1/sessions/told/kill')
    await expect(stream(4).next()).rejects.toBeInstanceOf(DeniedError)
  })

  test('holds once for all of its calls, which run out of what it holds', async () => {
    const scope = { session: 'whole' }
    await putBudget(world.database.pool, 'whole', { scope, limit: '100', unit: 'tokens' })
    await world.knows('whole', { customer: 'acme', session: 'whole' })
    const call = { ...CALL, estimate: { input_tokens: '40', max_output_tokens: '10' } }
    const estimate = { input_tokens: '80', max_output_tokens: '20' }
    const work = metered(
      { agent: 'desk', customer: 'acme', session: 'whole', guard: { estimate } },
      async () => {
        await guard(call, async () => modelCall())
        await guard(call, async () => modelCall())
        await expect(guard({ ...call, session: 'other' }, async () => 7)).resolves.toBe(7)
        return guard(call, () => workSignal())
      },
    )
    expect((await work()).aborted).toBe(false)
    await world.tracing.flush()
    const named = world.spans.getFinishedSpans().filter(({ name }) => name === 'chat')
    const holds = new Set(named.map(({ attributes }) => String(attributes['aforo.hold.id'])))
    expect(holds.size).toBe(1)
    const [hold] = holds
    await until(async () => (await world.stateOf(hold!)) === 'settled')
    const { rows } = await world.database.pool.query(
      `select of_work, customer_id from aforo_store.budget_holds where session_id = 'whole'`,
    )
    expect(rows).toEqual([{ of_work: true, customer_id: 'acme' }])
  })

  test('reads its attribution from the arguments', async () => {
    const work = metered(
      (who: string) => ({ customer: who, guard: true as const }),
      async (who) => who,
    )
    expect(await work('acme')).toBe('acme')
    const refused = (await work('stranger').catch((error: unknown) => error)) as DeniedError
    expect(refused.decision.reason).toBe('unknown_customer')
  })
})

describe('where the check endpoint is away', () => {
  const nobody = { endpoint: 'http://127.0.0.1:9', timeoutMs: 200 }

  test('calls run, and the fault is told', async () => {
    const faults: unknown[] = []
    const away = createGuard({ ...nobody, onFault: (fault) => faults.push(fault) })
    expect(await away.guard(CALL, async () => 'ran')).toBe('ran')
    expect(faults).toHaveLength(1)
    await away.close()
  })

  test('or none does, as configured', async () => {
    const away = createGuard({ ...nobody, whenAway: 'deny' })
    await expect(away.guard(CALL, async () => 'ran')).rejects.toBeInstanceOf(CheckUnavailableError)
    await away.close()
  })
})

describe('where the check endpoint refuses the question', () => {
  const ask = (guarded: Pick<RunningGuard, 'guard'>, customer: string) => {
    let ran = false
    const asked = guarded.guard({ ...CALL, customer }, async () => {
      ran = true
    })
    return asked.then(
      () => ({ ran, error: null }),
      (error: unknown) => ({ ran, error }),
    )
  }
  const places = () => [world.url, world.url.replace('http:', 'frames:')]

  test('the call does not run, whatever is done where nobody answers', async () => {
    for (const endpoint of places()) {
      const faults: unknown[] = []
      const own = createGuard({ endpoint, timeoutMs: 5_000, onFault: (fault) => faults.push(fault) })
      expect((await ask(own, 'x'.repeat(256))).error).toBeInstanceOf(DeniedError)
      const { ran, error } = await ask(own, 'x'.repeat(257))
      expect(ran).toBe(false)
      expect(error).toBeInstanceOf(CheckRefusedError)
      expect(error).toMatchObject({ code: 'invalid_argument', message: expect.stringContaining('/customer') })
      expect(faults, 'it is thrown, not told').toEqual([])
      await own.close()
    }
  })
})
