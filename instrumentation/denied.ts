import type { Decision } from '../core/decision.ts'

/** A call was not let through, or was stopped while it ran. `decision` says why, and when to come again. */
export class DeniedError extends Error {
  readonly decision: Decision

  /** `cause`: what the client threw when the call that ran was stopped. */
  constructor(decision: Decision, cause?: unknown) {
    super(
      `denied: ${decision.reason}${decision.budget ? ` (${decision.budget})` : ''}`,
      cause === undefined ? {} : { cause },
    )
    this.name = 'DeniedError'
    this.decision = decision
  }
}

/** The check endpoint did not answer, and the guard is set to let nothing through then. */
export class CheckUnavailableError extends Error {
  constructor(cause: unknown) {
    super('the check endpoint does not answer', { cause })
    this.name = 'CheckUnavailableError'
  }
}

/**
 * The check endpoint is there and does not take the question, of a customer of more than 256 characters for example. The call
 * does not run, whatever is to be done where nobody answers: it would run unguarded for ever.
 */
export class CheckRefusedError extends Error {
  /** `invalid_argument`, `conflict` or `body_too_large`. */
  readonly code: string

  constructor(code: string, detail: string) {
    super(`the check endpoint refuses the question: ${detail}`)
    this.name = 'CheckRefusedError'
    this.code = code
  }
}

const DEPTH_MAX = 8

/**
 * The decision behind an error, whichever client threw it: the guard's own, one that has it as cause, or a client's
 * error that carries the answer of a guarded fetch.
 */
export function denialOf(error: unknown): Decision | undefined {
  let at = error
  for (let depth = 0; depth < DEPTH_MAX && typeof at === 'object' && at !== null; depth++) {
    if (at instanceof DeniedError) return at.decision
    const { error: body, responseBody, cause, lastError } = at as Record<string, unknown>
    const found = deniedBody(body) ?? deniedBody(typeof responseBody === 'string' ? responseBody : undefined)
    if (found !== undefined) return found
    at = cause ?? lastError
  }
  return undefined
}

/** Clients keep the answer's body whole, its `error` alone, or its text. */
function deniedBody(body: unknown): Decision | undefined {
  let told = body
  try {
    if (typeof body === 'string') told = JSON.parse(body)
  } catch {
    return undefined
  }
  if (typeof told !== 'object' || told === null) return undefined
  const { error, type, decision } = told as { error?: unknown; type?: unknown; decision?: Decision }
  return type === DENIED ? decision : error === undefined ? undefined : deniedBody(error)
}

/** Type of the error in the answer of a guarded fetch that was denied. */
export const DENIED = 'aforo_denied'
