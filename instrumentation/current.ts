import type { Actual } from './check-client.ts'
import type { GuardedCall, RunningGuard } from './guard.ts'

/** The guard of this process, which `start` sets. */
let current: RunningGuard | undefined

/** @throws Error where there is none: a budget that nobody asks about is no budget. */
export function currentGuard(): RunningGuard {
  if (current === undefined) throw new Error('there is no guard: give `check` to start()')
  return current
}

export function setCurrentGuard(guard: RunningGuard | undefined): void {
  current = guard
}

/**
 * Checks and holds before a model call, gives it a signal that aborts once its budget trips, and settles after it. For
 * programs that have their own spans; the hold's id is on those that begin within `call`.
 *
 *     const answer = await guard(
 *       { customer: 'acme', model: 'gpt-5', estimate: { input_tokens: '2000', max_output_tokens: '500' } },
 *       (signal) => client.responses.create({ … }, { signal }),
 *     )
 *
 * @param actual what the call used, read from its result; without it the spans tell
 * @throws DeniedError, CheckRefusedError, CheckUnavailableError, or whatever the call throws
 */
export function guard<Result>(
  of: GuardedCall,
  call: (signal: AbortSignal) => Result,
  actual?: (result: Awaited<Result>) => Actual | undefined,
): Promise<Awaited<Result>> {
  return currentGuard().guard(of, call, actual)
}
