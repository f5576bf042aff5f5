import { setTimeout as pause } from 'node:timers/promises'
import type { Answered } from '../sidecar/start.ts'
import { exportOf, spanOfCall } from '../sidecar/told-call.ts'
import type { Kept } from './fleet.ts'
import type { Tally } from './tally.ts'

/** How long a client waits for an answer before it gives up, as an agent would. */
const PATIENCE_MS = 3_000
/** Spans of one export. */
const BATCH_MAX = 200
/** So often a client asks for the same hold again, elsewhere, where nobody answered. */
const TRIES_MAX = 3

export interface CrowdParts {
  readonly clients: number
  readonly customers: readonly string[]
  /** That uses more than it holds. */
  readonly wasteful: string
  /** Of each customer's tokens, and of everybody's calls. */
  readonly tokens: ReadonlyMap<string, Tally>
  readonly calls: Tally
  /** Where checks are asked; the last one is the centre's own. */
  readonly doors: readonly Kept[]
  readonly random: () => number
  /** Of OTLP over HTTP. */
  readonly otlpUrl: () => string
}

/** Tokens of a call. */
export interface MadeCall {
  readonly customer: string
  readonly held: number
  readonly used: number
}

export interface Crowd {
  /** What became of questions, and of ends. */
  readonly counts: ReadonlyMap<string, number>
  /** Answers that nobody should get. */
  readonly faults: readonly string[]
  /** Calls that were made, by their holds. */
  readonly made: ReadonlyMap<string, MadeCall>
  /** Lets everybody come to an end, and every span arrive. */
  end(): Promise<void>
}

/** Clients that ask, hold, work, settle, release, abort and vanish until they are ended. */
export function startCrowd(parts: CrowdParts): Crowd {
  const { random, doors, tokens, calls } = parts
  const counts = new Map<string, number>()
  const faults: string[] = []
  const made = new Map<string, MadeCall>()
  const exporter = startExporter(parts.otlpUrl)
  let isOver = false
  const count = (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1)
  const between = (least: number, most: number) => least + Math.floor(random() * (most - least + 1))

  async function ask(door: Kept, path: string, body: object, ms = PATIENCE_MS): Promise<Answered | null> {
    try {
      const response = await fetch(door.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(ms),
      })
      const answer = (await response.json()) as Answered['body']
      if (![200, 404, 503].includes(response.status))
        faults.push(`${path} ${response.status} ${answer.detail}`)
      return { status: response.status, body: answer }
    } catch {
      return null
    }
  }

  async function live(no: number): Promise<void> {
    const customer = parts.customers[no % parts.customers.length]!
    const own = doors[no % doors.length]!
    for (let turn = 0; !isOver; turn++) {
      await pause(between(500, 5_500))
      const [input, most] = [between(10, 200), between(10, 200)]
      const fate = random()
      const willVanish = fate < 0.12
      const request = {
        customer,
        reserve: true,
        // Whoever vanishes leaves his hold to its time; whoever works is never late.
        ttl_ms: willVanish ? between(1_000, 5_000) : 60_000,
        model: 'claude-sonnet-4-5',
        estimate: { input_tokens: input, max_output_tokens: most },
        idempotency_key: `${no} ${turn}`,
      }
      const askedAt = performance.now()
      let door = random() < 0.9 ? own : doors[between(0, doors.length - 1)]!
      let answer = await ask(door, '/v1/check', request, fate > 0.95 ? between(1, 10) : PATIENCE_MS)
      for (let tries = 1; answer === null && tries < TRIES_MAX && random() < 0.7; tries++) {
        count('asked again elsewhere')
        door = doors[between(0, doors.length - 1)]!
        answer = await ask(door, '/v1/check', request)
      }
      if (answer === null || answer.status !== 200) {
        count(answer === null ? 'not answered' : `answered ${answer.status}`)
        continue
      }
      const { decision, reason, source, hold_id: holdId } = answer.body
      count(`${decision} ${reason} ${source}`)
      if (decision !== 'allow') continue
      const held = input + most
      tokens.get(customer)!.admit(holdId, held, askedAt + request.ttl_ms)
      calls.admit(holdId, 1, askedAt + request.ttl_ms)
      if (willVanish) continue
      await pause(between(5, 600))
      if (random() < 0.15) {
        tokens.get(customer)!.letGo(holdId)
        calls.letGo(holdId)
        await ask(door, `/v1/holds/${holdId}/release`, {})
        continue
      }
      const share = customer === parts.wasteful ? 0.5 + random() : 0.3 + random() * 0.7
      const used = { customer, holdId, input, output: Math.floor(most * share) }
      tokens.get(customer)!.finish(holdId, input + used.output, held)
      calls.finish(holdId, 1, 1)
      made.set(holdId, { customer, held, used: input + used.output })
      const isToldFirst = random() < 0.3
      if (isToldFirst) exporter.tell(used)
      if (random() < 0.8) {
        const actual = { input_tokens: input, output_tokens: used.output }
        const settle = () => ask(door, `/v1/holds/${holdId}/settle`, { actual })
        const ended = await settle()
        count(ended === null ? 'settle: not answered' : `settle: ${ended.status}`)
        if (ended === null || random() < 0.1) {
          door = doors[between(0, doors.length - 1)]!
          await settle()
        }
      }
      if (!isToldFirst) exporter.tell(used)
    }
  }

  const living = Array.from({ length: parts.clients }, (_, no) => live(no))
  return {
    counts,
    faults,
    made,
    async end() {
      isOver = true
      await Promise.all(living)
      await exporter.end()
    },
  }
}

/** Tells of calls in batches, each until it was taken: a span is told again where nobody answered. */
function startExporter(otlpUrl: () => string) {
  const waiting: object[] = []
  let isOver = false
  const running = (async () => {
    while (!isOver || waiting.length > 0) {
      await pause(50)
      const batch = waiting.splice(0, BATCH_MAX)
      while (batch.length > 0 && !(await isTaken(otlpUrl(), batch))) await pause(100)
    }
  })()
  return {
    tell(call: Parameters<typeof spanOfCall>[0]) {
      waiting.push(spanOfCall(call))
    },
    async end() {
      isOver = true
      await running
    },
  }
}

async function isTaken(url: string, batch: readonly object[]): Promise<boolean> {
  try {
    const response = await fetch(`${url}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(exportOf(batch)),
      signal: AbortSignal.timeout(PATIENCE_MS),
    })
    await response.arrayBuffer()
    return response.status === 200
  } catch {
    return false
  }
}
