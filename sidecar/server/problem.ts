import type { AforoError } from '../../core/errors.ts'
import { PROBLEMS, problemHeaders, problemOf } from '../../core/problem.ts'

/** The problem of an error, as JSON. */
export function problemText(error: AforoError): string {
  return JSON.stringify(problemOf(error))
}

/** The headers of a problem and of its text. */
export function headersOfProblem(error: AforoError, text: string): Record<string, string | number> {
  return { ...problemHeaders(error.code), 'content-length': Buffer.byteLength(text) }
}

/** The head of an answer that is written to a bare socket, but for its end. */
export function problemHead(error: AforoError, text: string): string {
  const { status, title } = PROBLEMS[error.code]
  const lines = Object.entries(headersOfProblem(error, text)).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} ${title}\r\n${lines.join('')}`
}
