import { connect } from 'node:net'
import { loadavg } from 'node:os'
import pg from 'pg'
import { type AforoProcess, runAforo, runCommand } from '../test/e2e/process.ts'
import { benchDatabase } from './database.ts'
import { cpuMsOfTree, residentBytes } from './processes.ts'

/*
 * Whether the check holds its memory over a million sessions: an `aforo serve` and an `aforo sidecar` beside it, a budget
 * that every session has for itself, and questions for sessions that nobody has asked for before, half of them at each,
 * a share of those with a hold. Told are resident bytes of both processes, what each remembers, what rows are left, and what
 * a session costs: CPU tells that on a machine that does other things too.
 */
const SESSIONS = Number(process.env.BENCH_SESSIONS ?? 1_000_000)
const SECONDS_MAX = Number(process.env.BENCH_SECONDS ?? 360)
const IN_FLIGHT = Number(process.env.BENCH_IN_FLIGHT ?? 256)
/** Of ten questions, those that ask for a hold. */
const HOLDS_OF_TEN = Number(process.env.BENCH_HOLDS ?? 5)
const TTL_MS = 1_000
const SHARES = [0.01, 0.1, 0.25, 0.5, 0.75, 1]
/** Until leases and holds that nobody ended are over, and what was forgotten is let go of. */
const REST_MS = 20_000

await using server = await benchDatabase()
const serve = await runAforo('serve', { DATABASE_URL: server.url })
const sidecar = await runAforo('sidecar', {}, ['--upstream', `http://127.0.0.1:${serve.ports.check}`])
const database = new pg.Client({ connectionString: server.url })
const answers = new Map<string, number>()
let asked = 0
let answered = 0
const began = performance.now()
const cpu = () => [serve.child.pid!, sidecar.child.pid!, server.pid, process.pid].map(cpuMsOfTree)
try {
  await database.connect()
  await put('/v1/customers/acme', { name: 'Acme' })
  await put('/v1/budgets/runaway', {
    scope: {},
    unit: 'model_calls',
    limit: '200',
    window: 'session',
    mode: 'hard',
  })
  console.log(
    `sessions · Node ${process.versions.node} · ${SESSIONS} sessions, ${HOLDS_OF_TEN} of ten with a hold, ${IN_FLIGHT} in flight, at most ${SECONDS_MAX} s`,
  )
  console.log(
    '            s  asked/s   serve MiB  sidecar MiB  spenders, counters  (sidecar)          counters    leases     holds',
  )
  const cpuBefore = cpu()
  const marks = SHARES.map((share) => Math.ceil(SESSIONS * share))
  const until = began + SECONDS_MAX * 1_000
  const ports = [serve, sidecar].map(({ ports: { check } }) => check!)
  const clients = Promise.all(
    Array.from({ length: IN_FLIGHT }, (_, no) => drive(ports[no % ports.length]!, no, until)),
  )
  let isOver = false
  const over = clients.finally(() => {
    isOver = true
  })
  while (!isOver) {
    await Promise.race([over, new Promise((resolve) => setTimeout(resolve, 250))])
    if (answered < (marks[0] ?? Number.POSITIVE_INFINITY)) continue
    while (answered >= (marks[0] ?? Number.POSITIVE_INFINITY)) marks.shift()
    await print(String(answered))
  }
  await over
  if (marks.length > 0) await print(String(answered))
  const [ofServe, ofSidecar, ofDatabase, ofAll] = cpu().map(
    (ms, i) => (((ms ?? Number.NaN) - (cpuBefore[i] ?? Number.NaN)) * 1_000) / answered,
  ) as [number, number, number, number]
  // Both are children of ours.
  const each = {
    serve: ofServe,
    sidecar: ofSidecar,
    database: ofDatabase,
    clients: ofAll - ofServe - ofSidecar,
  }
  console.log(
    `  CPU of a session in us: ${Object.entries(each)
      .map(([what, us]) => `${what} ${us.toFixed(0)}`)
      .join(', ')}`,
  )
  await new Promise((resolve) => setTimeout(resolve, REST_MS))
  await print('at rest')
  console.log(
    `  answers: ${[...answers].map(([what, count]) => `${what} ${count}`).join(', ')} · load average ${loadavg()[0]!.toFixed(1)}`,
  )
  const { rows } = await database.query(
    `select count(*)::int as rows, coalesce(avg(pg_column_size(counter)), 0)::int as bytes,
       (pg_total_relation_size('aforo_store.budget_counters') / greatest(count(*), 1))::int as on_disk,
       (count(*) filter (where subject like '["c%'))::int as unasked
     from aforo_store.budget_counters counter`,
  )
  const { rows: count, bytes, on_disk: onDisk, unasked } = rows[0]
  console.log(
    `  counters: ${count}, of sessions that held nothing: ${unasked}; ${bytes} bytes each, ${onDisk} on disk with its indexes`,
  )
  const audited = await runCommand(['audit'], { DATABASE_URL: server.url })
  console.log(`  ${audited.trim().split('\n').at(-1)}`)
} finally {
  await database.end()
  await sidecar.end('SIGTERM')
  await serve.end('SIGTERM')
}

/** Asks for one new session after the other; every second time for a hold. */
function drive(port: number, no: number, until: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    let turn = no
    const ask = () => {
      if (asked >= SESSIONS || performance.now() > until) {
        socket.end()
        resolve()
        return
      }
      // Sevens and tens share no divisor: each connection asks for both kinds in turn.
      const isHold = (turn++ * 7) % 10 < HOLDS_OF_TEN
      const session = `${isHold ? 'h' : 'c'}${(++asked).toString(36)}`
      const body = JSON.stringify({
        customer: 'acme',
        session,
        ...(isHold && { reserve: true, ttl_ms: TTL_MS }),
      })
      socket.write(
        `POST /v1/check HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      )
    }
    socket.on('connect', ask)
    socket.on('error', reject)
    // An answer is one chunk here: small, and nothing else is under way on its connection.
    socket.on('data', (chunk: Buffer) => {
      const text = chunk.toString()
      const what =
        /"decision":"\w+","reason":"\w+"/.exec(text)?.[0].replaceAll(/"|decision:|reason:/g, '') ??
        text.slice(9, 12)
      answers.set(what, (answers.get(what) ?? 0) + 1)
      answered += 1
      ask()
    })
  })
}

async function print(label: string): Promise<void> {
  const [own, beside] = [await rememberedOf(serve), await rememberedOf(sidecar)]
  const rows = await database.query<{ counters: string; leases: string; holds: string }>(
    `select (select count(*) from aforo_store.budget_counters) as counters,
       (select count(*) from aforo_store.budget_leases) as leases, (select count(*) from aforo_store.budget_holds) as holds`,
  )
  const { counters, leases, holds } = rows.rows[0]!
  const seconds = (performance.now() - began) / 1_000
  const cells = [
    label.padEnd(9),
    seconds.toFixed(0).padStart(4),
    (answered / seconds).toFixed(0).padStart(8),
    mebibytes(serve).padStart(11),
    mebibytes(sidecar).padStart(12),
    `${own.spenders}, ${own.counters}`.padStart(19),
    `${beside.spenders}, ${beside.counters}`.padStart(19),
    counters.padStart(11),
    leases.padStart(9),
    holds.padStart(9),
  ]
  console.log(`  ${cells.join(' ')}`)
}

function mebibytes({ child }: AforoProcess): string {
  return ((residentBytes(child.pid!) ?? Number.NaN) / 1_048_576).toFixed(0)
}

/** What a check server says that it remembers. */
async function rememberedOf({ ports }: AforoProcess): Promise<Record<'spenders' | 'counters', string>> {
  const text = await (await fetch(`http://127.0.0.1:${ports.check}/metrics`)).text()
  const of = (what: string) =>
    new RegExp(`aforo_check_remembered\\{what="${what}"\\} (\\d+)`).exec(text)?.[1] ?? '?'
  return { spenders: of('spenders'), counters: of('counters') }
}

async function put(path: string, body: object): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${serve.ports.api}${path}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(await response.text())
}
