/**
 * The one error class. Callers switch on `code` and `retryable`, never on text; the edge translates the code to a
 * status of its protocol in one table.
 */
export type ErrorCode =
  | 'invalid_argument'
  | 'unsupported_media_type'
  | 'body_too_large'
  | 'unauthenticated'
  | 'permission_denied'
  | 'not_found'
  | 'conflict'
  | 'unavailable'
  | 'internal'

export interface FieldFault {
  /** JSON-pointer-like path: `/meters/0/unit_price`. */
  readonly path: string
  readonly message: string
}

export class AforoError extends Error {
  readonly code: ErrorCode
  /** Same input may succeed later. A retryable fault must reach a client as one it retries. */
  readonly retryable: boolean
  readonly faults: readonly FieldFault[]
  /** What another server answered, where that is the fault. */
  readonly httpStatus: number | null

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; faults?: readonly FieldFault[]; httpStatus?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AforoError'
    this.code = code
    this.retryable = code === 'unavailable'
    this.faults = options.faults ?? []
    this.httpStatus = options.httpStatus ?? null
  }
}

/** The error itself where it is ours, else `internal` wrapped around it. */
export function asAforoError(error: unknown): AforoError {
  if (error instanceof AforoError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new AforoError('internal', message, { cause: error })
}
