/** How the Collector sends to Aforo, where it differs from the shipped configuration. */
export interface HttpSending {
  readonly encoding?: 'proto' | 'json'
  readonly compression?: 'gzip' | 'zstd'
  readonly retry?: object
  readonly queue?: object
}

/** Waits between tries that are shorter than what Aforo asks for, so that a longer wait is Aforo's doing. */
export const HASTY = {
  initial_interval: '50ms',
  randomization_factor: 0,
  multiplier: 1,
  max_interval: '50ms',
}

/** Over HTTP, but in another way. */
export function overHttp({ encoding, compression, retry, queue }: HttpSending): object {
  const changed = {
    ...(encoding && { encoding }),
    ...(compression && { compression }),
    ...(retry && { retry_on_failure: retry }),
    ...(queue && { sending_queue: queue }),
  }
  return { exporters: { 'otlp_http/aforo': changed } }
}

/** Over gRPC, with the retries and the durable queue of the shipped configuration. */
export function overGrpc(port: number, retry: object = {}, queue: object = {}): object {
  const exporter = {
    endpoint: `127.0.0.1:${port}`,
    tls: { insecure: true },
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the Collector's own substitution.
    headers: { authorization: 'Bearer ${env:AFORO_INGEST_KEY}' },
    retry_on_failure: { max_elapsed_time: '0s', ...retry },
    sending_queue: {
      storage: 'file_storage/aforo',
      block_on_overflow: true,
      sizer: 'bytes',
      queue_size: 536_870_912,
      batch: { flush_timeout: '1s', min_size: 262_144, max_size: 4_194_304, sizer: 'bytes' },
      ...queue,
    },
  }
  return {
    exporters: { 'otlp_grpc/aforo': exporter },
    service: { pipelines: { traces: { exporters: ['otlp_grpc/aforo'] } } },
  }
}
