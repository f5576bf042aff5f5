import { fork } from 'node:child_process'
import { once } from 'node:events'
import { loadavg } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { raiseThread } from '../cmd/check/real-time.ts'
import { runAforo } from '../test/e2e/process.ts'
import { benchDatabase } from './database.ts'
import { loadPaced, type Paced } from './interference-load.ts'
import { median, ratio, ratios } from './median.ts'

/*
 * What ingest does to the check: one `aforo serve` answers checks at a fixed rate, over HTTP, in turn without and with
 * spans with message contents coming in at a fixed rate; its own process sends them. Both are asked for whether or not the
 * one before was answered. Nothing is cut or rated meanwhile, so that the slices without ingest have nothing left to do.
 * The tenant that is checked for has budgets, the one whose spans come in has none. The ratio is the median over pairs
 * of slices next to each other. On a machine of two cores the makers of load, the database and the check share them. Who
 * asks stands for agents on other machines, so that it never waits for a core it has real-time priority where the system
 * lets it; `AFORO_CHECK_REAL_TIME=off` in the environment shows what the check's own is worth.
 */
const SPANS_PER_SECOND = Number(process.env.BENCH_SPANS ?? 20_000)
const CHECKS_PER_SECOND = 1_000
/** A p99 of one slice rests on 20 checks: it takes many slices to tell a third more from chance. */
const PAIRS = 24
const SLICE_MS = 2_000
const SETTLE_MS = 300
const TENANT = { 'x-aforo-tenant': 'checked' }

interface Slice extends Paced {
  readonly spansPerSecond: number
}

await using server = await benchDatabase()
const aforo = await runAforo('serve', {
  DATABASE_URL: server.url,
  AFORO_CUT_QUIET_MS: '3600000',
  AFORO_CUT_IDLE_MS: '86400000',
  AFORO_CUT_MAX_AGE_MS: '604800000',
})
const asker = (await raiseThread()) ?? 'real-time'
try {
  await arrange(aforo.ports.api!)
  await measure(aforo.ports.check!, aforo.ports.otlp_http!)
  console.log(`  priority of who asks: ${asker}; of the check: ${await checkPriority(aforo.ports.check!)}`)
} finally {
  await aforo.end('SIGKILL')
}

async function arrange(api: number): Promise<void> {
  const put = async (path: string, body: object) => {
    const headers = { 'content-type': 'application/json', ...TENANT }
    const init = { method: 'PUT', headers, body: JSON.stringify(body) }
    const response = await fetch(`http://127.0.0.1:${api}/v1/${path}`, init)
    if (!response.ok) throw new Error(await response.text())
  }
  await put('customers/acme', {})
  const scope = { customer: 'acme' }
  await put('budgets/acme', { scope, unit: 'tokens', limit: '1000000000', window: 'lifetime', mode: 'hard' })
}

async function checkPriority(check: number): Promise<string> {
  const metrics = await (await fetch(`http://127.0.0.1:${check}/metrics`)).text()
  return metrics.includes('aforo_check_real_time 1') ? 'real-time' : 'normal'
}

async function measure(check: number, otlp: number): Promise<void> {
  const stdio: ('ignore' | 'inherit' | 'ipc')[] = ['ignore', 'inherit', 'inherit', 'ipc']
  const args = [String(otlp), String(SPANS_PER_SECOND)]
  const exporter = fork(new URL('./interference-child.ts', import.meta.url), args, { stdio })
  await once(exporter, 'message')
  const question = JSON.stringify({ customer: 'acme', session: 'session_4f2a', product: 'support-bot' })
  const slice = async (isFed: boolean): Promise<Slice> => {
    if (isFed) exporter.send('start')
    await pause(SETTLE_MS)
    const paced = await loadPaced({
      port: check,
      headers: TENANT,
      question,
      perSecond: CHECKS_PER_SECOND,
      ms: SLICE_MS,
    })
    if (!isFed) return { ...paced, spansPerSecond: 0 }
    exporter.send('stop')
    const [told] = (await once(exporter, 'message')) as [{ acknowledged: number; skipped: number }]
    await pause(SETTLE_MS)
    return { ...paced, spansPerSecond: (told.acknowledged * 1_000) / (SLICE_MS + SETTLE_MS) }
  }
  const alone: Slice[] = []
  const beside: Slice[] = []
  try {
    await slice(true)
    for (let pair = 0; pair < PAIRS; pair++) {
      // Whichever comes first is colder: they take turns.
      if (pair % 2 === 0) alone.push(await slice(false))
      beside.push(await slice(true))
      if (pair % 2 === 1) alone.push(await slice(false))
    }
  } finally {
    exporter.disconnect()
  }
  print(alone, beside)
}

function print(alone: readonly Slice[], beside: readonly Slice[]): void {
  const load = loadavg()[0]!.toFixed(1)
  const told = (slices: readonly Slice[], field: keyof Slice, digits: number) =>
    median(slices.map((one) => one[field])).toFixed(digits)
  console.log(
    `interference · ${CHECKS_PER_SECOND} checks/s, ${PAIRS} pairs of slices of ${SLICE_MS} ms · Node ${process.versions.node} · load average ${load}`,
  )
  for (const [label, slices] of [
    ['without ingest', alone],
    ['with ingest', beside],
  ] as const) {
    console.log(
      `  ${label.padEnd(16)} p50 ${told(slices, 'p50', 0).padStart(6)} us  p99 ${told(slices, 'p99', 0).padStart(7)} us  ` +
        `answered ${told(slices, 'perSecond', 0)}/s  ${told(slices, 'spansPerSecond', 0)} spans/s acknowledged`,
    )
  }
  const of = (field: keyof Slice) =>
    [beside.map((one) => one[field]), alone.map((one) => one[field])] as const
  console.log(`  with / without, p50   ${ratio(...of('p50')).toFixed(2)}×`)
  const p99s = ratios(...of('p99')).sort((a, b) => a - b)
  const [lower, upper] = [p99s[p99s.length >> 2]!, p99s[(3 * p99s.length) >> 2]!]
  console.log(
    `  with / without, p99   ${median(p99s).toFixed(2)}×  goal ≤ 1.3; half of the pairs between ${lower.toFixed(2)}× and ${upper.toFixed(2)}×`,
  )
}
