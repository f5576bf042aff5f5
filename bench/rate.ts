import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { SILENT } from '../core/log.ts'
import { seedPriceBook } from '../rating/prices/seed.ts'
import { createRater } from '../rating/rater.ts'
import { assemble } from '../receiver/assemble/assemble.ts'
import { createOpenAssembler } from '../receiver/open/assemble-open.ts'
import { openPool } from '../schema/pool.ts'
import { benchDatabase } from './database.ts'
import { decimalShare } from './decimal-share.ts'
import { median, ratio } from './median.ts'
import { cpuMsOfTree } from './processes.ts'
import { storeCustomers, storeEvents } from './rate-events.ts'

/*
 * What it costs to rate an event, claim to commit, against a bare COPY of the rows it wrote into tables of the same
 * columns without an index. Both are durable (fsync on) and take turns within each round; the COPY is given its bytes
 * ready made, so it is all of the database and none of the counting. Once with every event of one customer, so that
 * all meet in the same counters, once with a thousand.
 */
const ROUNDS = 5
const EVENTS = 2_000
const LINES = ['cost_lines', 'price_lines', 'event_lines', 'ratings'] as const

interface Cost {
  readonly node: number
  readonly database: number
  readonly wall: number
}

await using server = await benchDatabase()
const pool = openPool(server.url, { max: 4 })
await run(pool)
await pool.end()

async function run(pool: pg.Pool): Promise<void> {
  await seedPriceBook(pool, new Date())
  await storeCustomers(pool, 1_000)
  for (const table of LINES) await pool.query(`create table bare_${table} (like aforo_store.${table})`)
  const { rows } = await pool.query('show server_version')
  const rater = createRater({ pool, assembleOpen: createOpenAssembler({ assemble, log: SILENT }) })
  const rated = new Map<number, Cost[]>([
    [1, []],
    [1_000, []],
  ])
  const copied: Cost[] = []
  let from = 0
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [customers, costs] of rated) {
      await storeEvents(pool, { from, count: EVENTS, customers })
      from += EVENTS
      const cost = await measure(async () => {
        const done = await rater.rate(new Date(), EVENTS)
        if (done !== EVENTS) throw new Error(`rated ${done} of ${EVENTS}`)
      })
      if (round > 0) costs.push(cost)
      if (customers === 1) continue
      const bytes = await written(pool, from - EVENTS)
      const copy = await measure(() => copyAll(pool, bytes))
      if (round > 0) copied.push(copy)
    }
  }
  await verify(pool)
  // Apart from the rounds: to be looked at costs time, too.
  const shares: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    await storeEvents(pool, { from, count: EVENTS, customers: 1_000 })
    from += EVENTS
    shares.push(await decimalShare(async () => void (await rater.rate(new Date(), EVENTS))))
  }
  console.log(
    `rate · ${EVENTS} events a round, 4 calls and 2 tools each · PostgreSQL ${rows[0].server_version} · ` +
      `Node ${process.versions.node} · per event, median of ${ROUNDS} rounds`,
  )
  console.log('                            node us  database us  wall us  events/s')
  for (const [customers, costs] of rated) print(`rating, ${customers} customers`, costs)
  print('bare COPY of its rows', copied)
  const many = rated.get(1_000)!
  const cpu = ratio(many.map(total), copied.map(total))
  const hot = ratio(rated.get(1)!.map(total), many.map(total))
  console.log(
    `  rating against COPY: CPU ${cpu.toFixed(1)}× · one customer against 1,000: ${hot.toFixed(2)}×`,
  )
  console.log(
    `  decimals: ${(median(shares) * 100).toFixed(1)} % of node's time, ${shareOfAll(shares, many)} of rating's CPU`,
  )
}

function print(name: string, costs: readonly Cost[]): void {
  const of = (field: keyof Cost) => median(costs.map((cost) => cost[field]))
  const cells = [of('node').toFixed(0).padStart(9), of('database').toFixed(0).padStart(13)]
  const perSecond = Math.round(1_000_000 / of('wall'))
  console.log(
    `  ${name.padEnd(24)}${cells.join('')}${of('wall').toFixed(0).padStart(9)}${String(perSecond).padStart(10)}`,
  )
}

/** The database counts in decimals of its own; ours are all in node. */
function shareOfAll(shares: readonly number[], costs: readonly Cost[]): string {
  const node = median(costs.map((cost) => cost.node / total(cost)))
  return `${(median(shares) * node * 100).toFixed(1)} %`
}

function total(cost: Cost): number {
  return cost.node + cost.database
}

type Bytes = readonly (readonly [table: string, bytes: readonly Buffer[]])[]

/** The rows that the rating wrote for the latest events, as COPY would have them. */
async function written(pool: pg.Pool, from: number): Promise<Bytes> {
  const client = await pool.connect()
  const first = `evt_${from.toString(16).padStart(32, '0')}`
  const tables: [string, Buffer[]][] = []
  for (const table of LINES) {
    const chunks: Buffer[] = []
    const rows = `select * from aforo_store.${table} where event_id >= '${first}'`
    await pipeline(client.query(copyTo(`copy (${rows}) to stdout (format binary)`)), async (source) => {
      for await (const chunk of source) chunks.push(chunk as Buffer)
    })
    tables.push([table, chunks])
  }
  client.release()
  return tables
}

async function copyAll(pool: pg.Pool, tables: Bytes): Promise<void> {
  const client = await pool.connect()
  for (const [table, chunks] of tables) {
    await pipeline(chunks, client.query(copyFrom(`copy bare_${table} from stdin (format binary)`)))
  }
  client.release()
}

/** CPU and wall microseconds per event. */
async function measure(work: () => Promise<void>): Promise<Cost> {
  const own = process.cpuUsage()
  const database = cpuMsOfTree(server.pid) ?? Number.NaN
  const started = performance.now()
  await work()
  const wall = performance.now() - started
  const { user, system } = process.cpuUsage(own)
  const databaseMs = (cpuMsOfTree(server.pid) ?? Number.NaN) - database
  return {
    node: (user + system) / EVENTS,
    database: (databaseMs * 1000) / EVENTS,
    wall: (wall * 1000) / EVENTS,
  }
}

/** The COPY wrote what the rating wrote, and the rating charged what its counters say. */
async function verify(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query(`
    select (select count(*) from bare_ratings) as copied,
      (select sum(amount) from aforo_store.price_lines) = (select sum(amount) from aforo_store.meter_counters) as exact`)
  const wanted = String((ROUNDS + 1) * EVENTS)
  if (rows[0].copied !== wanted || !rows[0].exact) throw new Error(JSON.stringify(rows[0]))
}
