import type { FrameKind } from '../core/frames.ts'
import { CheckRefusedError } from './denied.ts'

/** What can be asked of a check endpoint and answered at once. */
export type Asked = Exclude<FrameKind, 'problem'>

/** A way to a check endpoint. */
export interface Wire {
  /**
   * Asks, and gives the JSON of the answer. Rejects where there is none in time, or it is a problem.
   * @param holdId of a hold that is ended
   */
  ask(what: Asked, body: object, holdId?: string): Promise<string>
  close(): void
}

/** Where a check endpoint listens, as `node:http` takes it. */
export type Target = { readonly socketPath: string } | { readonly host: string; readonly port: number }

/** Longer answers are none of ours. */
export const ANSWER_CHARS_MAX = 65_536

/** The error of an answer that is a problem: a question that is refused is asked wrongly, and would be again. */
export function problemOf(status: number | string | undefined, text: string): Error {
  const problem = refusalOf(text)
  if (problem !== undefined) return new CheckRefusedError(problem.code, problem.detail)
  return new Error(`the check endpoint answers ${status}: ${text.slice(0, 500)}`)
}

export function lateError(timeoutMs: number): Error {
  return new Error(`no answer within ${timeoutMs} ms`)
}

/** Faults of the question. A key that opens nothing says that nobody is there for us; so does what is no problem of ours. */
function refusalOf(text: string): { readonly code: string; readonly detail: string } | undefined {
  let told: unknown
  try {
    told = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof told !== 'object' || told === null) return undefined
  const { status, code, detail } = told as Record<string, unknown>
  if (typeof status !== 'number' || typeof code !== 'string' || !REFUSALS.has(status)) return undefined
  return { code, detail: typeof detail === 'string' ? detail : code }
}

const REFUSALS: ReadonlySet<number> = new Set([400, 409, 413])
