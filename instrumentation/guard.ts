import { type Context, context, createContextKey } from '@opentelemetry/api'
import type { CheckRequest, Decision } from '../core/decision.ts'
import { type Attribution, agentOf, fromBaggage, withAttribution } from './attribution.ts'
import { type Actual, type CheckOptions, createCheckClient } from './check-client.ts'
import { CheckRefusedError, CheckUnavailableError, DeniedError } from './denied.ts'
import { observe } from './outcome.ts'
import { traceStart } from './trace-start.ts'
import { createWatches } from './watches.ts'

/** How the guards of this process check. */
export interface GuardOptions extends CheckOptions {
  /** Whose calls they are where neither the call nor the work around it says. `start` fills it in as spans will say. */
  readonly attribution?: Omit<Attribution, 'hold'>
  /** What to do where the check endpoint gives no decision: let the call run (the default) or refuse it. */
  readonly whenAway?: 'allow' | 'deny'
  /** Told of checks, settlements and watches that failed. Default: a warning of the process, at most one a minute. */
  readonly onFault?: (fault: unknown) => void
}

/** What is about to run. Customer, product, session and agent are those of the surrounding `metered` work unless given here. */
export interface GuardedCall {
  readonly customer?: string
  readonly product?: string
  readonly session?: string
  readonly agent?: string
  readonly model?: string
  /** The most it may use; with it, that much is held until the call is over. */
  readonly estimate?: CheckRequest['estimate']
  /** It is several model calls: what is held shrinks by each, and lasts until all of it is over. */
  readonly work?: boolean
  /** How long the hold lasts unless the call ends before. */
  readonly ttlMs?: number
}

/** Runs `call` if it may run, with a signal that aborts it once it may not any more. */
export type Guard = <Result>(
  of: GuardedCall,
  call: (signal: AbortSignal) => Result,
  actual?: (result: Awaited<Result>) => Actual | undefined,
) => Promise<Awaited<Result>>

/** A call that was let through and is under way. */
export interface OpenCall {
  /** Aborts with a DeniedError once the call may not go on. */
  readonly signal: AbortSignal
  /** Runs a part of the call, so that its spans name the hold. */
  inside<T>(run: () => T): T
  /** The call is over, however it ended. Only the first time counts. */
  over(actual?: Actual): void
}

/** A guard and what it holds open. */
export interface RunningGuard {
  readonly guard: Guard
  /**
   * Asks whether the call may run.
   * @throws DeniedError; CheckRefusedError where the question is not taken; CheckUnavailableError where nobody answers and
   *   `whenAway` is `deny`
   */
  open(of: GuardedCall): Promise<OpenCall>
  /** Tells what is not told yet, and lets go of all connections. */
  close(): Promise<void>
}

const SIGNAL = createContextKey('aforo signal')
/** For whom the guarded work around holds something. */
const HELD_FOR = createContextKey('aforo held for')
const NEVER = new AbortController().signal

/** The signal of the guarded work around here, to be handed to a model client; never aborts where there is none. */
export function workSignal(): AbortSignal {
  return (context.active().getValue(SIGNAL) as AbortSignal | undefined) ?? NEVER
}

export function createGuard(options: GuardOptions): RunningGuard {
  const client = createCheckClient(options)
  const tell = options.onFault ?? warn()
  const watches = createWatches(client, tell)
  const untold = new Set<Promise<void>>()

  async function ask(question: CheckRequest): Promise<Decision | null> {
    let decision: Decision
    try {
      decision = await client.check(question)
    } catch (fault) {
      if (fault instanceof CheckRefusedError) throw fault
      tell(fault)
      if (options.whenAway === 'deny') throw new CheckUnavailableError(fault)
      return null
    }
    if (decision.decision === 'deny' || decision.decision === 'throttle') throw new DeniedError(decision)
    return decision
  }

  /** What was used is told by the spans; until they arrive it stays held. So an error settles just the same. */
  function settle(hold: string, actual: Actual | undefined): void {
    const told = client
      .settle(hold, actual)
      .catch(tell)
      .finally(() => untold.delete(told))
    untold.add(told)
  }

  async function open(of: GuardedCall): Promise<OpenCall> {
    const around = context.active()
    const outer = workSignal()
    const question = questionOf(of, around, options.attribution)
    // What the work around holds is for its parts as well: held again, it would count twice, and deny them their own.
    if (question !== null && isHeldFor(around, question)) {
      return { signal: outer, inside: (run) => context.with(around, run), over() {} }
    }
    // Work that is for nobody has no budget.
    const decision = question === null ? null : await ask(question)
    const hold = decision?.hold_id
    const stop = new AbortController()
    const signal = outer === NEVER ? stop.signal : AbortSignal.any([outer, stop.signal])
    const held: Held = { payer: question === null ? '' : payerOf(question), hasEnded: false }
    const within =
      hold === undefined || question === null
        ? around
        : withAttribution(around, { hold }).setValue(HELD_FOR, held)
    const unwatch = watches.add(question, stop)
    return {
      signal,
      inside: (run) => context.with(within.setValue(SIGNAL, signal), run),
      over(actual) {
        if (held.hasEnded) return
        held.hasEnded = true
        unwatch()
        if (hold !== undefined) settle(hold, actual)
      },
    }
  }

  return {
    open,
    async guard<Result>(
      of: GuardedCall,
      call: (signal: AbortSignal) => Result,
      actual?: (result: Awaited<Result>) => Actual | undefined,
    ): Promise<Awaited<Result>> {
      const { signal, inside, over } = await open(of)
      let known: Actual | undefined
      const work = async () => {
        const result = await call(signal)
        known = actual?.(result)
        return result
      }
      try {
        return await observe(work, inside, () => over(known))
      } catch (error) {
        throw whyStopped(signal, error)
      }
    },
    async close() {
      await Promise.all(untold)
      watches.close()
      client.close()
    },
  }
}

const WARNINGS_APART_MS = 60_000

function warn(): (fault: unknown) => void {
  let warnedAt = Number.NEGATIVE_INFINITY
  return (fault) => {
    const now = performance.now()
    if (now - warnedAt < WARNINGS_APART_MS) return
    warnedAt = now
    process.emitWarning(fault instanceof Error ? fault.message : String(fault), 'AforoGuard')
  }
}

/** What was thrown because we stopped the call is told as the denial; any other error is the caller's own. */
function whyStopped(signal: AbortSignal, error: unknown): unknown {
  const { reason } = signal as { reason: unknown }
  if (!(signal.aborted && reason instanceof DeniedError) || error === reason) return error
  return isAbort(error) ? new DeniedError(reason.decision, error) : error
}

/** Clients name what they throw on an abort differently: `AbortError`, `APIUserAbortError`, `ResponseAborted`. */
function isAbort(error: unknown): boolean {
  return error instanceof Error && /abort/i.test(`${error.name} ${error.constructor.name} ${error.message}`)
}

function questionOf(
  of: GuardedCall,
  within: Context,
  attribution: GuardOptions['attribution'] = {},
): CheckRequest | null {
  const said = { ...given(attribution), ...given(fromBaggage(within)), ...given(of) }
  const { customer, product, session } = said
  if (customer === undefined) return null
  const agent = of.agent || agentOf(within)
  return {
    customer,
    ...given({ product, session, agent, model: of.model, ttl_ms: of.ttlMs }),
    ...given({ started_at: traceStart(within) }),
    ...(of.estimate === undefined ? {} : { estimate: of.estimate, reserve: true }),
    ...(of.estimate !== undefined && of.work ? { work: true } : {}),
  }
}

/** For whom something is held, while it is. */
interface Held {
  readonly payer: string
  hasEnded: boolean
}

function isHeldFor(around: Context, question: CheckRequest): boolean {
  const held = around.getValue(HELD_FOR) as Held | undefined
  return held !== undefined && !held.hasEnded && held.payer === payerOf(question)
}

function payerOf({ customer, product, session }: CheckRequest): string {
  return JSON.stringify([customer, product, session])
}

/** Without the fields that are not given; an anonymous function has an empty name. */
function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined && value !== '')
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> }
}
