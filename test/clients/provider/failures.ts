/** An answer that is none: nothing is served, nothing is invoiced. */
export interface Failure {
  readonly status: 404 | 429
  readonly headers: Readonly<Record<string, string>>
  readonly json: object
}

/** Models by their names: one that is no longer there, and one that is busy when it is asked first. */
const RETIRED = /-retired$/
const BUSY = /-busy$/

/**
 * How the provider turns a request away, in the words of the API that was asked; null where it answers.
 * @param before how often this client was turned away from this model
 */
export function failureOf(path: string, model: string, before: number): Failure | null {
  if (RETIRED.test(model)) {
    const message = `The model ${model} does not exist.`
    return { status: 404, headers: {}, json: told(path, message, NOT_FOUND) }
  }
  if (BUSY.test(model) && before === 0) {
    // Clients that know none of the two wait as long as they see fit.
    const headers = { 'retry-after': '1', 'retry-after-ms': '1' }
    return { status: 429, headers, json: told(path, 'Too many requests.', TOO_MANY) }
  }
  return null
}

interface Words {
  readonly openai: string
  readonly anthropic: string
  readonly google: { readonly code: number; readonly status: string }
}

const NOT_FOUND: Words = {
  openai: 'model_not_found',
  anthropic: 'not_found_error',
  google: { code: 404, status: 'NOT_FOUND' },
}
const TOO_MANY: Words = {
  openai: 'rate_limit_exceeded',
  anthropic: 'rate_limit_error',
  google: { code: 429, status: 'RESOURCE_EXHAUSTED' },
}

function told(path: string, message: string, { openai, anthropic, google }: Words): object {
  if (path === '/v1/messages') return { type: 'error', error: { type: anthropic, message } }
  if (path.includes('/models/')) return { error: { ...google, message } }
  return { error: { message, type: 'invalid_request_error', param: 'model', code: openai } }
}
