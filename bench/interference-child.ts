import { Agent, request } from 'node:http'
import { FreshBatches } from './fresh-batches.ts'

/*
 * Exports spans with contents at a fixed rate, from a process of its own: see interference.ts. Told `start` it begins, told
 * `stop` it ends, waits for what is under way, and tells how many spans were acknowledged and refused.
 */
const SPANS_PER_BATCH = 512
const BODIES = 24
const UNDER_WAY_MAX = 16

const [port, perSecond] = process.argv.slice(2).map(Number) as [number, number]
const batches = new FreshBatches(BODIES, SPANS_PER_BATCH, 1)
const agent = new Agent({ keepAlive: true, maxSockets: UNDER_WAY_MAX })
let acknowledged = 0
let skipped = 0
let underWay = 0
let timer: NodeJS.Timeout | undefined
let whenIdle = () => {}

process.on('disconnect', () => process.exit(0))
process.on('message', async (word) => {
  if (word === 'start') {
    acknowledged = 0
    skipped = 0
    begin()
    return
  }
  clearInterval(timer)
  if (underWay > 0) {
    await new Promise<void>((resolve) => {
      whenIdle = resolve
    })
  }
  process.send?.({ acknowledged, skipped })
})
process.send?.('ready')

function begin(): void {
  const started = performance.now()
  let due = 0
  timer = setInterval(() => {
    const wanted = ((performance.now() - started) / 1_000) * (perSecond / SPANS_PER_BATCH)
    for (; due < wanted; due++) {
      if (underWay < UNDER_WAY_MAX) send(batches.next())
      else skipped += SPANS_PER_BATCH
    }
  }, 5)
}

function send(body: Buffer): void {
  underWay += 1
  const headers = { 'content-type': 'application/x-protobuf', 'content-length': body.length }
  const options = { port, host: '127.0.0.1', path: '/v1/traces', method: 'POST', agent, headers }
  const sent = request(options, (response) => {
    response.resume().on('end', () => {
      if (response.statusCode === 200) acknowledged += SPANS_PER_BATCH
      else skipped += SPANS_PER_BATCH
      done()
    })
  })
  sent.on('error', () => {
    skipped += SPANS_PER_BATCH
    done()
  })
  sent.end(body)
}

function done(): void {
  underWay -= 1
  if (underWay === 0) whenIdle()
}
