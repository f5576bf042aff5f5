import type { Actual } from '../../core/lease.ts'
import { SCALED_ONE } from '../../core/scaled.ts'
import type { Call, Schedule } from './simulation-checks.ts'

/**
 * What happens to a call: `count`: its span is; `over`: it may come to nothing more; `end`: told to its sidecar, if
 * that lives.
 */
export interface CallWorld {
  random(): number
  chance(percent: number): boolean
  after(ms: number, run: () => void): void
  count(tokens: bigint): void
  over(): void
  end(actual: Actual | null): boolean
}

/** Plays one model call, within what it holds: it ends without a word, is taken back, or is settled and its span comes. */
export function playCall(
  world: CallWorld,
  call: Call,
  { drift, silent, released }: Schedule,
  heldMs: number,
): void {
  const { random, chance, after, count, over, end } = world
  const tokens = BigInt(Math.floor(random() * (Number(call.tokens) + 1)))
  // By the clock of the client, which is neither the sidecar's nor the centre's, and is up when it began to ask.
  const ttlMs = heldMs / (1 + ((random() - 0.5) * 2 * drift) / 1_000)
  const lasts = random() * ttlMs * 0.9
  if (chance(silent)) {
    // It is over with its hold at the latest; its span comes before that, or never.
    if (chance(50)) after(lasts, () => count(tokens))
    else after(ttlMs, over)
    return
  }
  if (chance(released)) {
    after(lasts, () => {
      over()
      end(null)
    })
    return
  }
  after(lasts, () => {
    call.may = [SCALED_ONE, tokens * SCALED_ONE]
    const actual = { input_tokens: `${tokens}`, output_tokens: '0' }
    // Told twice, or taken back afterwards: what ended stays as it ended.
    if (end(actual) && chance(30)) end(chance(50) ? actual : null)
    after(random() * (ttlMs - lasts), () => count(tokens))
  })
}

/** What happens to a work: `count`: a span of it is counted, `told` is what all by then tell; `end`: it is settled. */
export interface WorkWorld {
  random(): number
  after(ms: number, run: () => void): void
  count(tokens: bigint, told: Actual): void
  end(actual: Actual): void
}

/** Plays work of several model calls, within what it holds: their spans come one by one, the last before or after the end. */
export function playWork(world: WorkWorld, call: Call, modelCalls: bigint, ttlMs: number): void {
  const { random, after, count, end } = world
  const parts = partsOf(random, modelCalls, call.tokens)
  const all = { calls: BigInt(parts.length), tokens: parts.reduce((sum, part) => sum + part, 0n) }
  const told = { calls: 0n, tokens: 0n }
  const times = parts.map(() => random() * ttlMs * 0.9).sort((a, b) => a - b)
  for (const [i, part] of parts.entries()) {
    after(times[i]!, () => {
      told.calls += 1n
      told.tokens += part
      call.may = [call.may[0] - SCALED_ONE, call.may[1] - part * SCALED_ONE]
      count(part, actualOf(told))
    })
  }
  after(times.at(-1)! * (0.8 + random() * 0.3), () => {
    call.may = [(all.calls - told.calls) * SCALED_ONE, (all.tokens - told.tokens) * SCALED_ONE]
    end(actualOf(all))
  })
}

/** The tokens of each of its calls. */
function partsOf(random: () => number, modelCalls: bigint, tokens: bigint): readonly bigint[] {
  let left = tokens
  return Array.from({ length: 1 + Math.floor(random() * Number(modelCalls)) }, () => {
    const used = BigInt(Math.floor(random() * (Number(left) + 1)))
    left -= used
    return used
  })
}

function actualOf({ calls, tokens }: { readonly calls: bigint; readonly tokens: bigint }): Actual {
  return { input_tokens: `${tokens}`, output_tokens: '0', model_calls: `${calls}` }
}
