import type { FrameKind } from '../core/frames.ts'

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

/** The error of an answer that is a problem. */
export function problemOf(status: number | string | undefined, text: string): Error {
  return new Error(`the check endpoint answers ${status}: ${text.slice(0, 500)}`)
}

export function lateError(timeoutMs: number): Error {
  return new Error(`no answer within ${timeoutMs} ms`)
}
