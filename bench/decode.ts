import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import {
  CANDIDATES,
  type CandidateName,
  type DecodeRound,
  PAYLOADS,
  type PayloadName,
} from './decode-candidates.ts'
import { verifyEqual } from './decode-equality.ts'
import { median, ratio } from './median.ts'

/*
 * The selective decoder against a protobufjs static module, on batches of 512 spans. Every candidate runs in a
 * process of its own, so that none lives on another's type feedback; they take turns within each round, so that a
 * disturbance of the machine hits all of them. A figure is the median of the rounds' ratios of CPU time per span.
 */
const ROUNDS = 7
const ROUND_MS = 300

const REFERENCE: CandidateName = 'protobufjs'

/** Nanoseconds of CPU per span of each round, by candidate and payload. */
type Results = Record<CandidateName, Record<PayloadName, number[]>>

async function main(): Promise<void> {
  await verifyEqual()
  const names = Object.keys(CANDIDATES) as CandidateName[]
  const children = new Map(names.map((name) => [name, start(name)]))
  for (const child of children.values()) await answer(child)
  const results = Object.fromEntries(
    names.map((name) => [name, { plain: [], contents: [] }]),
  ) as unknown as Results
  for (let round = 0; round < ROUNDS; round++) {
    for (const payload of PAYLOADS) {
      for (const name of names) {
        const child = children.get(name)!
        child.send({ payload, ms: ROUND_MS } satisfies DecodeRound)
        results[name][payload].push(await answer(child))
      }
    }
  }
  for (const child of children.values()) child.disconnect()
  print(names, results)
}

function print(names: readonly CandidateName[], results: Results): void {
  console.log(
    `decode · 512-span batches · Node ${process.versions.node} · CPU per span, median of ${ROUNDS} rounds`,
  )
  for (const payload of PAYLOADS) {
    console.log(`  ${payload === 'plain' ? 'without message contents' : 'with message contents'}`)
    for (const name of names) {
      const own = results[name][payload]
      const times = ratio(results[REFERENCE][payload], own)
      const line = `${median(own).toFixed(0).padStart(7)} ns  ${times.toFixed(1).padStart(5)}×`
      console.log(`    ${CANDIDATES[name].padEnd(52)}${line}`)
    }
  }
  const contentsCost = ratio(results.selective.contents, results.selective.plain)
  console.log(`  contents cost the selective decoder ${contentsCost.toFixed(2)}× of none (goal ≤ 1.6×)`)
  const slowest = Math.min(...PAYLOADS.map((p) => ratio(results[REFERENCE][p], results.selective[p])))
  console.log(`  selective against ${CANDIDATES[REFERENCE]}: ${slowest.toFixed(1)}× at least (goal ≥ 10×)`)
}

function start(name: CandidateName): ChildProcess {
  return fork(new URL('./decode-child.ts', import.meta.url), [name], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
}

/** The child's next message. A child that dies takes the benchmark with it. */
async function answer(child: ChildProcess): Promise<number> {
  const [message] = await once(child, 'message')
  return message as number
}

await main()
