/** A request of the Collector's as it passed a relay, and what became of it. */
export interface Exchange {
  /** When the whole request was here, in milliseconds of `performance.now()`. */
  readonly askedMs: number
  answeredMs: number
  /** Content coding of the request, as its header names it. */
  readonly coding: string | undefined
  readonly contentType: string | undefined
  /** As it was sent, compressed. */
  readonly body: Buffer
  /** What Aforo answered: a status of HTTP or of gRPC; null where it was away. */
  status: number | null
  /** `Retry-After` as it stands in an answer of HTTP. */
  retryAfter: string | undefined
  /** Bytes of `grpc-status-details-bin`, in base64. */
  statusDetails: string | undefined
}

/** Stands between a Collector and Aforo and remembers what passes. */
export interface Relay {
  readonly port: number
  readonly exchanges: readonly Exchange[]
  /** Sends what comes from now on to another port. */
  retarget(port: number): void
  close(): Promise<void>
}

export interface RelayOptions {
  /** Port of Aforo on 127.0.0.1. */
  readonly target: number
  /**
   * Asked once Aforo has answered and before its answer goes on: true lets it through, false breaks the connection off,
   * so that the Collector never learns of it.
   */
  readonly deliver?: (exchange: Exchange, nth: number) => boolean | Promise<boolean>
}
