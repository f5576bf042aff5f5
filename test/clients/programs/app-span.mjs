import { trace } from '@opentelemetry/api'

/** Runs the work in a span of the application, so that all of it is one trace; unless WITHOUT_APP_SPAN is set. */
export async function inSpan(work) {
  if (process.env.WITHOUT_APP_SPAN) return work()
  return trace.getTracer('application').startActiveSpan('handle request', async (span) => {
    try {
      return await work()
    } finally {
      span.end()
    }
  })
}
