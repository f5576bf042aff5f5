import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createConnection } from 'node:net'
import { Redis } from 'ioredis'
import { decideNanos } from './check-decide.ts'
import { type Load, loadHttp, loadRedis } from './check-load.ts'
import { type CheckServerName, type CheckTold, checkBody } from './check-servers.ts'
import { pushMillis } from './check-watch.ts'
import { median } from './median.ts'

/*
 * A check over HTTP against what else could answer one: a bare node:http server that answers the same body with the same
 * bytes, an express handler that does the same as ours, and a budget script in Redis through ioredis. Each server is a
 * process of its own; they take turns within each round, at each number of requests under way. Clients over HTTP are raw
 * sockets that keep so many requests open, so that the servers are measured and not a client; ioredis is a client as it
 * is, which pipelines by itself.
 */
const ROUNDS = 5
const MS = 500
const WARM_UP_MS = 1_500
const CONCURRENCY = [1, 16, 64, 200] as const
const SERVERS: readonly CheckServerName[] = ['check', 'bare', 'express', 'hold']
const SCRIPT = `local left = tonumber(redis.call('get', KEYS[1])) - tonumber(ARGV[1])
if left < 0 then return 0 end
redis.call('set', KEYS[1], left)
return 1`

interface Server extends CheckTold {
  readonly child: ChildProcess
}

type Name = CheckServerName | 'redis'

const LABELS: Readonly<Record<Name, string>> = {
  check: 'check',
  bare: 'bare node:http',
  express: 'express, same work',
  hold: 'check with a hold',
  redis: 'redis script, ioredis',
}

const servers = new Map<CheckServerName, Server>()
const redis = await startRedis()
const loads = new Map<string, Load[]>()
try {
  for (const name of SERVERS) servers.set(name, await open(name))
  for (const name of SERVERS) await run(name, 16, WARM_UP_MS)
  if (redis) await run('redis', 16, WARM_UP_MS)
  for (let round = 0; round < ROUNDS; round++) {
    for (const concurrency of CONCURRENCY) {
      for (const name of [...SERVERS, ...(redis ? (['redis'] as const) : [])]) {
        const load = await run(name, concurrency, MS)
        loads.set(`${name} ${concurrency}`, [...(loads.get(`${name} ${concurrency}`) ?? []), load])
      }
    }
  }
  print()
  const ns = decideNanos()
  console.log(`  decide alone: ${ns.one.toFixed(0)} ns with 1 budget, ${ns.five.toFixed(0)} ns with 5`)
  const pushes = await pushMillis()
  console.log(
    `  watch: decision to watcher p50 ${pushes.p50.toFixed(2)} ms, p99 ${pushes.p99.toFixed(2)} ms (goal ≤ 50 ms)`,
  )
} finally {
  for (const { child } of servers.values()) child.disconnect()
  await redis?.stop()
}

async function run(name: Name, concurrency: number, ms: number): Promise<Load> {
  if (name === 'redis') return loadRedis(redis!.client, concurrency, ms)
  const { port, child } = servers.get(name)!
  const before = await cpuMicros(child)
  const load = await loadHttp(port, checkBody(name), concurrency, ms)
  return { ...load, cpu: ((await cpuMicros(child)) - before) / load.count }
}

async function cpuMicros(child: ChildProcess): Promise<number> {
  child.send('cpu')
  const [micros] = await once(child, 'message')
  return micros as number
}

async function open(name: CheckServerName): Promise<Server> {
  const stdio: ('ignore' | 'inherit' | 'ipc')[] = ['ignore', 'inherit', 'inherit', 'ipc']
  const child = fork(new URL('./check-child.ts', import.meta.url), [name], { stdio })
  const [told] = await once(child, 'message')
  return { child, ...(told as CheckTold) }
}

function of(name: Name, concurrency: number): readonly Load[] {
  return loads.get(`${name} ${concurrency}`) ?? []
}

function ratioOf(ours: Name, reference: Name, concurrency: number, field: keyof Load): number {
  const [a, b] = [of(ours, concurrency), of(reference, concurrency)]
  return median(a.map((load, i) => load[field] / b[i]![field]))
}

function print(): void {
  console.log(
    `check · Node ${process.versions.node} · median of ${ROUNDS} rounds of ${MS} ms, servers in turn`,
  )
  const head = CONCURRENCY.map((c) => `c=${c}`.padStart(10)).join('')
  console.log(`  requests per second     ${head}`)
  const names: Name[] = [...SERVERS, ...(redis ? (['redis'] as const) : [])]
  for (const name of names) {
    const cells = CONCURRENCY.map((c) =>
      median(of(name, c).map((load) => load.perSecond))
        .toFixed(0)
        .padStart(10),
    )
    console.log(`    ${LABELS[name].padEnd(22)}${cells.join('')}`)
  }
  const row = (label: string, value: (c: number) => number, goal: string) => {
    const cells = CONCURRENCY.map((c) => `${value(c).toFixed(2)}×`.padStart(10))
    console.log(`  ${label.padEnd(24)}${cells.join('')}  ${goal}`)
  }
  row('check / bare, rate', (c) => ratioOf('check', 'bare', c, 'perSecond'), 'goal ≥ 0.70')
  row('check / bare, CPU', (c) => ratioOf('check', 'bare', c, 'cpu'), 'of the server, per request')
  row('check / express, CPU', (c) => ratioOf('check', 'express', c, 'cpu'), '')
  row('hold / check, CPU', (c) => ratioOf('hold', 'check', c, 'cpu'), '')
  row('check / bare, p99', (c) => ratioOf('check', 'bare', c, 'p99'), 'goal ≤ 1.5')
  row('check / express, rate', (c) => ratioOf('check', 'express', c, 'perSecond'), 'goal > 1')
  row('hold / check, rate', (c) => ratioOf('hold', 'check', c, 'perSecond'), 'goal ≥ 0.60')
  if (redis) row('check / redis, rate', (c) => ratioOf('check', 'redis', c, 'perSecond'), 'goal > 1')
  else console.log('  redis-server is not here: not compared')
}

async function startRedis(): Promise<{ client: Redis; stop(): Promise<void> } | null> {
  const binary = ['/usr/bin/redis-server', '/usr/local/bin/redis-server'].find((path) => existsSync(path))
  if (!binary) return null
  const port = 20_000 + (process.pid % 20_000)
  const child = spawn(
    binary,
    ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    {
      stdio: 'ignore',
    },
  )
  for (let tries = 0; tries < 100 && !(await reaches(port)); tries++)
    await new Promise((r) => setTimeout(r, 50))
  const client = new Redis(port, '127.0.0.1')
  client.defineCommand('take', { numberOfKeys: 1, lua: SCRIPT })
  await client.set('budget:acme', '1000000000000')
  return {
    client,
    async stop() {
      client.disconnect()
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}

function reaches(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1')
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
