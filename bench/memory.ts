import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runAforo } from '../test/e2e/process.ts'
import { agentTraces, SPANS_PER_AGENT_TRACE } from './agent-traces.ts'
import { sendAll } from './load.ts'
import { median } from './median.ts'
import { residentBytes } from './processes.ts'

/** Whether `aforo serve` holds its memory over a million spans: resident bytes after each hundred thousand. */
const TRACES_PER_BATCH = 85
const SPANS_PER_BATCH = TRACES_PER_BATCH * SPANS_PER_AGENT_TRACE
const SPANS = Number(process.env.BENCH_SPANS ?? 1_000_000)
const STEPS = 10
const CONNECTIONS = 4

const folder = mkdtempSync(join(tmpdir(), 'aforo-bench-'))
// PostgreSQL refuses to run as root; the user it runs as must get through here.
chmodSync(folder, 0o711)
const aforo = await runAforo('serve', { AFORO_DATA_DIR: folder, DATABASE_URL: '' })
try {
  const resident: number[] = []
  let seed = 1
  for (let step = 1; step <= STEPS; step++) {
    let left = Math.ceil(SPANS / STEPS / SPANS_PER_BATCH)
    await sendAll(aforo.ports.otlp_http!, CONNECTIONS, () =>
      left-- > 0
        ? agentTraces({ traces: TRACES_PER_BATCH, seed: seed++, customers: 200, endMs: Date.now() })
        : null,
    )
    const megabytes = (residentBytes(aforo.child.pid!) ?? Number.NaN) / 1_048_576
    resident.push(megabytes)
    process.stdout.write(`${seed * SPANS_PER_BATCH} spans  ${megabytes.toFixed(0)} MiB resident\n`)
  }
  const early = median(resident.slice(1, 5))
  const late = median(resident.slice(-4))
  process.stdout.write(`last four of ten against the second to fifth: ${(late / early).toFixed(2)}x\n`)
} finally {
  await aforo.end('SIGTERM')
  rmSync(folder, { recursive: true, force: true })
}
