import { context, propagation, SpanStatusCode, trace } from '@opentelemetry/api'
import { InMemorySpanExporter, type ReadableSpan } from '@opentelemetry/sdk-trace'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Instrumentation, metered, start } from './index.ts'

const exporter = new InMemorySpanExporter()
let instrumentation: Instrumentation

beforeAll(() => {
  instrumentation = start({ serviceName: 'shop', product: 'support-bot', exporter })
})
afterAll(() => instrumentation.shutdown())
beforeEach(() => exporter.reset())

async function spans(): Promise<ReadableSpan[]> {
  await instrumentation.flush()
  return exporter.getFinishedSpans()
}

async function onlySpan(): Promise<ReadableSpan> {
  const all = await spans()
  expect(all).toHaveLength(1)
  return all[0]!
}

/** What an instrumented client would do. */
const modelCall = (name = 'chat') => trace.getTracer('client').startSpan(name).end()

const acme = { agent: 'triage', customer: 'acme', product: 'desk', session: 's1', hold: 'h1' }

test('work runs in an invoke_agent span and all spans under it carry the attribution', async () => {
  const answer = metered(acme, async (question: string) => {
    await Promise.resolve()
    modelCall()
    return `${question}!`
  })
  expect(await answer('why')).toBe('why!')

  const [call, root] = await spans()
  const attribution = {
    'aforo.customer.id': 'acme',
    'aforo.product.id': 'desk',
    'aforo.session.id': 's1',
    'aforo.hold.id': 'h1',
  }
  expect(call!.attributes).toEqual(attribution)
  expect(call!.parentSpanContext?.spanId).toBe(root!.spanContext().spanId)
  expect(root!.name).toBe('invoke_agent triage')
  expect(root!.attributes).toEqual({
    ...attribution,
    'gen_ai.operation.name': 'invoke_agent',
    'gen_ai.agent.name': 'triage',
    'gen_ai.conversation.id': 's1',
  })
  expect(root!.resource.attributes).toMatchObject({
    'service.name': 'shop',
    'aforo.product.id': 'support-bot',
  })
  expect(Object.keys(root!.resource.attributes).filter((key) => key.startsWith('process.'))).toEqual([])
})

test('a synchronous function stays synchronous and keeps `this`, arguments and name', async () => {
  const counter = {
    total: 2,
    add: metered({}, function add(this: { total: number }, n: number) {
      modelCall()
      return this.total + n
    }),
  }
  expect(counter.add(3)).toBe(5)
  expect(counter.add.name).toBe('add')
  expect((await spans()).map((s) => s.name)).toEqual(['chat', 'invoke_agent add'])
})

test('attributes may be found in the arguments, inner work inherits and overrides outer work', async () => {
  const inner = metered({ agent: 'critic', product: 'review' }, async () => modelCall())
  const outer = metered(
    (request: { tenant: string }) => ({ agent: 'desk', customer: request.tenant, session: 's2' }),
    async (_request) => inner(),
  )
  await Promise.all([outer({ tenant: 'acme' }), outer({ tenant: 'globex' })])

  const calls = (await spans()).filter((s) => s.name === 'chat')
  expect(calls.map((s) => s.attributes['aforo.customer.id']).sort()).toEqual(['acme', 'globex'])
  for (const call of calls)
    expect(call.attributes).toMatchObject({ 'aforo.product.id': 'review', 'aforo.session.id': 's2' })
  expect(new Set(calls.map((s) => s.spanContext().traceId)).size).toBe(2)
})

test.each([
  ['thrown', () => metered({}, () => raise(new RangeError('no')))()],
  ['rejected', () => metered({}, async () => raise(new RangeError('no')))()],
  ['of a generator', () => readAll(metered({}, () => failing())())],
])('an error %s reaches the caller and is recorded', async (_way, run) => {
  await expect((async () => run())()).rejects.toThrow(new RangeError('no'))
  const span = await onlySpan()
  expect(span.status).toEqual({ code: SpanStatusCode.ERROR, message: 'no' })
  expect(span.attributes['error.type']).toBe('RangeError')
  expect(span.events.map((e) => e.name)).toEqual(['exception'])
})

test('what is thrown need not be an Error, and stays the same thing', async () => {
  const thing = { code: 7 }
  const caught = await metered({}, async () => raise(thing))().catch((error: unknown) => error)
  expect(caught).toBe(thing)
  expect((await onlySpan()).status.code).toBe(SpanStatusCode.ERROR)
})

test('the span of an async generator is open until it is through, its body runs inside', async () => {
  const stream = metered(acme, async function* () {
    yield 1
    modelCall('second')
    yield 2
  })
  const read: number[] = []
  for await (const n of stream()) {
    read.push(n)
    if (n === 1) expect(await spans()).toEqual([])
  }
  expect(read).toEqual([1, 2])
  const [call, root] = await spans()
  expect(call!.parentSpanContext?.spanId).toBe(root!.spanContext().spanId)
  expect(call!.attributes['aforo.customer.id']).toBe('acme')
})

test('a generator runs inside too, though nothing of it has run when it is returned', async () => {
  const steps = metered(acme, function* (start: number): Generator<number, string, number> {
    modelCall('before')
    const sent = yield start
    modelCall('after')
    yield sent + 1
    return 'done'
  })
  const run = steps(1)
  expect(run.next()).toEqual({ done: false, value: 1 })
  expect(run.next(5)).toEqual({ done: false, value: 6 })
  expect((await spans()).map(({ name }) => name)).toEqual(['before', 'after'])
  expect(run.next()).toEqual({ done: true, value: 'done' })
  const all = await spans()
  expect(all.map(({ name }) => name)).toEqual(['before', 'after', 'invoke_agent triage'])
  expect(all.map(({ attributes }) => attributes['aforo.customer.id'])).toEqual(['acme', 'acme', 'acme'])

  exporter.reset()
  const left = steps(7)
  left.next()
  expect(left.return('left')).toEqual({ done: true, value: 'left' })
  expect((await spans()).map(({ name }) => name)).toEqual(['before', 'invoke_agent triage'])
  exporter.reset()
  const failing = metered(acme, function* (): Generator<number> {
    yield 1
    throw new RangeError('mine')
  })
  expect(() => [...failing()]).toThrow(RangeError)
  expect((await onlySpan()).status.code).toBe(SpanStatusCode.ERROR)
  exporter.reset()
  expect(metered(acme, () => [1, 2])()).toEqual([1, 2])
  await onlySpan()
})

test('leaving the loop early ends the span without an error and runs the generator’s finally', async () => {
  let cleaned = false
  const stream = metered({}, async function* () {
    try {
      yield 1
      yield 2
    } finally {
      cleaned = true
    }
  })
  for await (const _ of stream()) break
  expect(cleaned).toBe(true)
  expect((await onlySpan()).status.code).toBe(SpanStatusCode.UNSET)
})

test('a client’s own stream class keeps its members, also behind a promise', async () => {
  class ClientStream {
    #parts = ['a', 'b']
    readonly controller = new AbortController()
    async *[Symbol.asyncIterator]() {
      yield* this.#parts
    }
    parts() {
      return this.#parts.length
    }
  }
  const stream = await metered({}, async () => new ClientStream())()
  expect(stream).toBeInstanceOf(ClientStream)
  expect(stream.parts()).toBe(2)
  expect(stream.controller.signal.aborted).toBe(false)
  expect(await spans()).toEqual([])
  expect(await readAll(stream)).toEqual(['a', 'b'])
  await onlySpan()
})

test('a client’s own promise class keeps its methods', async () => {
  class ClientPromise<T> extends Promise<T> {
    readonly #request = 'r1'
    request() {
      return this.#request
    }
  }
  const call = metered({}, () => ClientPromise.resolve(4) as ClientPromise<number>)()
  expect(call.request()).toBe('r1')
  expect(await call).toBe(4)
  expect(await call.then((n) => n + 1)).toBe(5)
  await onlySpan()
})

test('platform streams pass untouched', async () => {
  const body = ReadableStream.from(['x'])
  expect(metered({}, () => body)()).toBe(body)
  await onlySpan()
})

test('without a function it decorates a method', async () => {
  class Desk {
    greeting = 'hello'
    greet(name: string) {
      return `${this.greeting} ${name}`
    }
  }
  Desk.prototype.greet = metered({ agent: 'desk' })(Desk.prototype.greet)
  expect(new Desk().greet('Ann')).toBe('hello Ann')
  expect((await onlySpan()).name).toBe('invoke_agent desk')
})

test('baggage that others set is kept', async () => {
  const theirs = propagation.createBaggage({ region: { value: 'eu' } })
  const seen = context.with(propagation.setBaggage(context.active(), theirs), () =>
    metered(acme, () => propagation.getActiveBaggage()?.getEntry('region')?.value)(),
  )
  expect(seen).toBe('eu')
})

test('a second start is refused, a start after shutdown is not', async () => {
  expect(() => start({ serviceName: 'twice', exporter })).toThrow('started already')
  await instrumentation.shutdown()
  await instrumentation.shutdown()
  instrumentation = start({ serviceName: 'again', exporter: new InMemorySpanExporter() })
})

test('without a tracer provider work runs as if it were not wrapped', async () => {
  await instrumentation.shutdown()
  expect(await metered(acme, async () => 9)()).toBe(9)
})

function raise(error: unknown): never {
  throw error
}

async function* failing() {
  yield 1
  raise(new RangeError('no'))
}

async function readAll<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const parts: T[] = []
  for await (const part of stream) parts.push(part)
  return parts
}
