import { loadavg } from 'node:os'
import { join } from 'node:path'
import { createGuard, type GuardedCall } from '../instrumentation/index.ts'
import { runAforo } from '../test/e2e/process.ts'
import { benchDatabase } from './database.ts'
import { median } from './median.ts'

/*
 * What a guard adds to a model call, one after the other as an agent makes them: the call (which does nothing here) with
 * a check, and with a check that holds and a settlement, against the call alone. The sidecar is a process of its own on
 * this machine, asked over frames on its socket and over HTTP; its centre, with a database, runs here too. Rounds take
 * turns; the median of rounds, and p99 over all calls.
 */
const ROUNDS = 5
const CALLS = 2_000

const HELD: GuardedCall = {
  customer: 'acme',
  model: 'claude-sonnet-4-5',
  estimate: { input_tokens: '1000', max_output_tokens: '500' },
}

await using server = await benchDatabase()
const aforo = await runAforo('serve', { DATABASE_URL: server.url })
try {
  await arrange(aforo.ports.api!)
  const path = join(server.folder, 'check.sock')
  const upstream = `http://127.0.0.1:${aforo.ports.check}`
  const sidecar = await runAforo('sidecar', {}, ['--upstream', upstream, '--unix', path])
  try {
    await measure({ frames: `unix:${path}`, HTTP: `http://127.0.0.1:${sidecar.ports.check}` })
  } finally {
    await sidecar.end('SIGTERM')
  }
} finally {
  await aforo.end('SIGTERM')
}

async function arrange(api: number): Promise<void> {
  const put = async (path: string, body: object) => {
    const headers = { 'content-type': 'application/json' }
    const init = { method: 'PUT', headers, body: JSON.stringify(body) }
    const response = await fetch(`http://127.0.0.1:${api}/v1/${path}`, init)
    if (!response.ok) throw new Error(await response.text())
  }
  const meters = [{ meter: 'output_tokens', model: 'per_unit', unit_price: '15', per: '1000000' }]
  await put('plans/pro', { currency: 'USD', meters })
  await put('customers/acme', {})
  await put('customers/acme/subscription', { plan: 'pro', from: '2020-01-01T00:00:00Z' })
  const scope = { customer: 'acme' }
  await put('budgets/acme', { scope, unit: 'price', limit: '1000000', window: 'lifetime', mode: 'hard' })
}

async function measure(endpoints: Readonly<Record<string, string>>): Promise<void> {
  const call = async () => {}
  const ways: Record<string, () => Promise<void>> = { alone: call }
  const guards = Object.entries(endpoints).map(([over, endpoint]) => {
    const guard = createGuard({ endpoint, timeoutMs: 10_000, whenAway: 'deny' })
    ways[`checked, ${over}`] = () => guard.guard({ customer: 'acme' }, call)
    ways[`and held, settled, ${over}`] = () => guard.guard(HELD, call)
    return guard
  })
  const taken = new Map<string, { medians: number[]; all: number[] }>()
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [way, run] of Object.entries(ways)) {
      const us: number[] = []
      for (let no = 0; no < CALLS; no++) {
        const began = performance.now()
        await run()
        us.push((performance.now() - began) * 1_000)
      }
      if (round === 0) continue
      const of = taken.get(way) ?? { medians: [], all: [] }
      of.medians.push(median(us))
      of.all.push(...us)
      taken.set(way, of)
    }
  }
  await Promise.all(guards.map((guard) => guard.close()))
  const load = loadavg()[0]!.toFixed(1)
  process.stdout.write(
    `guard · ${CALLS} calls a round, one at a time · Node ${process.versions.node} · load average ${load}\n`,
  )
  for (const [way, { medians, all }] of taken) {
    all.sort((a, b) => a - b)
    const p99 = all[Math.floor(all.length * 0.99)]!
    process.stdout.write(
      `${way.padEnd(28)} p50 ${median(medians).toFixed(1).padStart(8)} us  p99 ${p99.toFixed(0).padStart(6)} us\n`,
    )
  }
}
