import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'undici'
import type { Decision } from '../core/decision.ts'
import { type CheckClient, createCheckClient } from '../instrumentation/check-client.ts'
import { checkNanos, decideNanos } from './check-decide.ts'
import { type Load, loadCalls, loadHttp } from './check-load.ts'
import { openPipeline, requestOf } from './check-pipeline.ts'
import { startRedis, takeOne } from './check-redis.ts'
import { type CheckServerName, type CheckTold, questionTo } from './check-servers.ts'
import { pushMillis } from './check-watch.ts'
import { median } from './median.ts'

/*
 * A check over HTTP and over frames against what else could answer one: a bare node:http server that answers the same body
 * with the same bytes, an express handler that does the same as ours, and a budget script in Redis through ioredis. Each
 * server is a process of its own; they take turns within each round, at each number of requests under way.
 *
 * Over HTTP a check is asked in three ways, as the client is a large part of what is measured: by raw sockets, each with one
 * request under way; by one raw socket with all of them, as ioredis has it (`pipelined`); and by undici, told to pipeline
 * over one connection. Frames and Redis are asked through their clients, which pipeline by themselves over one connection;
 * `one for each` is as many ioredis clients as there are questions under way, `batched` ioredis with enableAutoPipelining.
 *
 * `check with a hold` takes one that ends as its span comes, which is at once. `and settled` ends each over a second
 * connection, as whoever made the call does; the next check does not wait for it, all of them are answered in the end.
 */
const ROUNDS = 15
const MS = 150
const WARM_UP_MS = 1_500
const CONCURRENCY = [1, 16, 64, 200] as const
const SERVERS: readonly CheckServerName[] = ['check', 'bare', 'express', 'hold', 'settled']

/** What a call used that had a hold. */
const USED = { actual: { input_tokens: 1842, output_tokens: 201 } }

interface Server extends CheckTold {
  readonly child: ChildProcess
  /** Of its socket, where it is ours. */
  readonly path: string
  /** Over frames, where it is ours. */
  readonly client: CheckClient
}

const LABELS = {
  check: 'check',
  checkPiped: 'check, pipelined',
  checkSocket: 'the same, socket',
  checkUndici: 'check, undici',
  bare: 'bare node:http',
  barePiped: 'bare, pipelined',
  express: 'express, same work',
  hold: 'check with a hold',
  holdEnded: '  and settled, pipelined',
  frames: 'frames, socket',
  framesHold: 'frames with a hold',
  redis: 'redis script, ioredis',
  redisEach: 'the same, one for each',
  redisBatched: 'the same, batched',
  redisSocket: 'the same, socket',
} as const
type Name = keyof typeof LABELS
const OF_REDIS = {
  redis: 'overPort',
  redisEach: 'each',
  redisBatched: 'batched',
  redisSocket: 'overSocket',
} as const
const PIPED = { checkPiped: 'check', checkSocket: 'check', barePiped: 'bare' } as const
const ASKED_BY_FRAMES = { frames: 'check', framesHold: 'hold' } as const

const folder = mkdtempSync(join(tmpdir(), 'aforo-bench-'))
const servers = new Map<CheckServerName, Server>()
const redis = await startRedis(folder)
const names = (Object.keys(LABELS) as Name[]).filter((name) => redis || !(name in OF_REDIS))
const loads = new Map<string, Load[]>()
try {
  for (const name of SERVERS) servers.set(name, await open(name))
  for (const name of names) await run(name, 16, WARM_UP_MS)
  for (let round = 0; round < ROUNDS; round++) {
    for (const concurrency of CONCURRENCY) {
      for (const name of names) {
        const load = await run(name, concurrency, MS)
        loads.set(`${name} ${concurrency}`, [...(loads.get(`${name} ${concurrency}`) ?? []), load])
      }
    }
  }
  print()
  const ns = decideNanos()
  console.log(`  decide alone: ${ns.one.toFixed(0)} ns with 1 budget, ${ns.five.toFixed(0)} ns with 5`)
  console.log(`  a whole check in memory: ${(await checkNanos()).toFixed(0)} ns`)
  const pushes = await pushMillis()
  console.log(
    `  watch: decision to watcher p50 ${pushes.p50.toFixed(2)} ms, p99 ${pushes.p99.toFixed(2)} ms (goal ≤ 50 ms)`,
  )
} finally {
  for (const { child, client } of servers.values()) {
    client.close()
    child.disconnect()
  }
  await redis?.stop()
  rmSync(folder, { recursive: true, force: true })
}

async function run(name: Name, concurrency: number, ms: number): Promise<Load> {
  switch (name) {
    case 'redisEach': {
      const clients = await redis!.each(concurrency)
      return loadCalls((no) => takeOne(clients[no]!), concurrency, ms)
    }
    case 'redis':
    case 'redisBatched':
    case 'redisSocket': {
      const client = redis![OF_REDIS[name]]
      return loadCalls(() => takeOne(client), concurrency, ms)
    }
    case 'frames':
    case 'framesHold': {
      const asked = ASKED_BY_FRAMES[name]
      const { client, child } = servers.get(asked)!
      const question = questionTo(asked)
      return withCpu(child, () => loadCalls(() => client.check(question), concurrency, ms))
    }
    case 'checkPiped':
    case 'checkSocket':
    case 'barePiped': {
      const asked = PIPED[name]
      const { port, path, child } = servers.get(asked)!
      const where = name === 'checkSocket' ? { path } : { port, host: '127.0.0.1' }
      const pipeline = await openPipeline(where)
      const request = requestOf('/v1/check', questionTo(asked))
      const load = await withCpu(child, () => loadCalls(() => pipeline.ask(request), concurrency, ms))
      pipeline.close()
      return load
    }
    case 'holdEnded': {
      const { port, child } = servers.get('settled')!
      const where = { port, host: '127.0.0.1' }
      const [checks, ends] = [await openPipeline(where), await openPipeline(where)]
      const request = requestOf('/v1/check', questionTo('settled'))
      const ending: Promise<unknown>[] = []
      const ask = async () => {
        const { hold_id: holdId } = (await checks.ask(request)) as Decision
        ending.push(ends.ask(requestOf(`/v1/holds/${holdId}/settle`, USED)))
      }
      const load = await withCpu(child, () => loadCalls(ask, concurrency, ms, () => Promise.all(ending)))
      checks.close()
      ends.close()
      return load
    }
    case 'checkUndici': {
      const { port, child } = servers.get('check')!
      const client = new Client(`http://127.0.0.1:${port}`, { pipelining: concurrency })
      const headers = { 'content-type': 'application/json' }
      const body = JSON.stringify(questionTo('check'))
      // To ask again without a hold changes nothing; undici pipelines nothing else.
      const options = { path: '/v1/check', method: 'POST', headers, body, idempotent: true } as const
      const ask = async () => (await client.request(options)).body.json()
      const load = await withCpu(child, () => loadCalls(ask, concurrency, ms))
      await client.close()
      return load
    }
    default: {
      const { port, child } = servers.get(name)!
      return withCpu(child, () => loadHttp(port, JSON.stringify(questionTo(name)), concurrency, ms))
    }
  }
}

async function withCpu(child: ChildProcess, load: () => Promise<Load>): Promise<Load> {
  const before = await cpuMicros(child)
  const done = await load()
  return { ...done, cpu: ((await cpuMicros(child)) - before) / done.count }
}

async function cpuMicros(child: ChildProcess): Promise<number> {
  child.send('cpu')
  const [micros] = await once(child, 'message')
  return micros as number
}

async function open(name: CheckServerName): Promise<Server> {
  const stdio: ('ignore' | 'inherit' | 'ipc')[] = ['ignore', 'inherit', 'inherit', 'ipc']
  const path = join(folder, `${name}.sock`)
  const child = fork(new URL('./check-child.ts', import.meta.url), [name, path], { stdio })
  const [told] = await once(child, 'message')
  const client = createCheckClient({ endpoint: `unix:${path}`, timeoutMs: 10_000 })
  return { child, path, client, ...(told as CheckTold) }
}

function of(name: Name, concurrency: number): readonly Load[] {
  return loads.get(`${name} ${concurrency}`) ?? []
}

function ratioOf(ours: Name, reference: Name, concurrency: number, field: keyof Load): number {
  const [a, b] = [of(ours, concurrency), of(reference, concurrency)]
  return median(a.map((load, i) => load[field] / b[i]![field]))
}

function print(): void {
  const load = loadavg()[0]!.toFixed(1)
  console.log(
    `check · Node ${process.versions.node} · median of ${ROUNDS} rounds of ${MS} ms, servers in turn · load average ${load}`,
  )
  table('requests per second', 'perSecond')
  table('p50 us', 'p50')
  table('p99 us', 'p99')
  table('CPU of the server, us', 'cpu')
  table('CPU of the client, us', 'clientCpu')
  row('check / bare, rate', (c) => ratioOf('check', 'bare', c, 'perSecond'), 'goal ≥ 0.70')
  row('check / bare, CPU', (c) => ratioOf('check', 'bare', c, 'cpu'), 'of the server, per request')
  row('check / bare, p99', (c) => ratioOf('check', 'bare', c, 'p99'), 'goal ≤ 1.5')
  row('  both pipelined, rate', (c) => ratioOf('checkPiped', 'barePiped', c, 'perSecond'), '')
  row('  both pipelined, CPU', (c) => ratioOf('checkPiped', 'barePiped', c, 'cpu'), '')
  row('check / express, rate', (c) => ratioOf('check', 'express', c, 'perSecond'), 'goal > 1')
  row('check / express, CPU', (c) => ratioOf('check', 'express', c, 'cpu'), '')
  row('hold / check, rate', (c) => ratioOf('hold', 'check', c, 'perSecond'), 'goal ≥ 0.60')
  row('hold / check, CPU', (c) => ratioOf('hold', 'check', c, 'cpu'), '')
  row(
    '  settled, pipelined',
    (c) => ratioOf('holdEnded', 'checkPiped', c, 'perSecond'),
    'two requests for one',
  )
  row('  settled, CPU', (c) => ratioOf('holdEnded', 'checkPiped', c, 'cpu'), '')
  if (!redis) {
    console.log('  redis-server is not here: not compared')
    return
  }
  row('check / redis, rate', (c) => ratioOf('check', 'redisEach', c, 'perSecond'), 'both a connection each')
  row('  redis with one', (c) => ratioOf('check', 'redis', c, 'perSecond'), 'check a connection each')
  row('  pipelined', (c) => ratioOf('checkPiped', 'redis', c, 'perSecond'), 'goal > 1')
  row('  pipelined, p50', (c) => ratioOf('checkPiped', 'redis', c, 'p50'), '')
  row('  both over a socket', (c) => ratioOf('checkSocket', 'redisSocket', c, 'perSecond'), 'rate')
  row('  both batched', (c) => ratioOf('checkPiped', 'redisBatched', c, 'perSecond'), 'rate')
  row('  through undici', (c) => ratioOf('checkUndici', 'redis', c, 'perSecond'), 'rate')
  row('frames / redis, rate', (c) => ratioOf('frames', 'redis', c, 'perSecond'), 'goal > 1')
  row('frames / redis, p50', (c) => ratioOf('frames', 'redis', c, 'p50'), 'goal ≤ 0.75 at c=16')
  row('frames / redis, p99', (c) => ratioOf('frames', 'redis', c, 'p99'), '')
  row('  ioredis batched', (c) => ratioOf('frames', 'redisBatched', c, 'perSecond'), 'rate')
  row('  both over a socket', (c) => ratioOf('frames', 'redisSocket', c, 'perSecond'), 'rate')
  row('frames, hold / redis', (c) => ratioOf('framesHold', 'redis', c, 'perSecond'), 'rate')
}

function table(what: string, field: keyof Load): void {
  console.log(`  ${what.padEnd(24)}${CONCURRENCY.map((c) => `c=${c}`.padStart(10)).join('')}`)
  for (const name of names) {
    const values = CONCURRENCY.map((c) => median(of(name, c).map((load) => load[field])))
    if (values.some((value) => value === 0)) continue
    const cells = values.map((value) => value.toFixed(field === 'cpu' ? 1 : 0).padStart(10))
    console.log(`    ${LABELS[name].padEnd(22)}${cells.join('')}`)
  }
}

function row(label: string, value: (c: number) => number, goal: string): void {
  const cells = CONCURRENCY.map((c) => `${value(c).toFixed(2)}×`.padStart(10))
  console.log(`  ${label.padEnd(24)}${cells.join('')}  ${goal}`)
}
