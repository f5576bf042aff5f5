import type { AttributeValue, Span } from '../../core/span.ts'
import { nanoOfMillis } from '../../core/time.ts'
import { assignment, instantMs } from './script.ts'

/** The scenario's midnight. */
export const MIDNIGHT_MS = Date.UTC(2026, 2, 10)

const ATTRIBUTES: Readonly<Record<string, string>> = {
  in: 'gen_ai.usage.input_tokens',
  out: 'gen_ai.usage.output_tokens',
  cached: 'gen_ai.usage.cache_read.input_tokens',
  reasoning: 'gen_ai.usage.reasoning.output_tokens',
  provider: 'gen_ai.provider.name',
  customer: 'aforo.customer.id',
  session: 'aforo.session.id',
  call: 'gen_ai.tool.call.id',
  id: 'gen_ai.response.id',
}

const NAMED_BY: Readonly<Record<string, string>> = {
  chat: 'gen_ai.request.model',
  embeddings: 'gen_ai.request.model',
  invoke_agent: 'gen_ai.agent.name',
  execute_tool: 'gen_ai.tool.name',
}

/**
 * A span as a scenario writes it: `span TRACE/ID [root | under ID] OPERATION [NAME] [failed] [name=value …]`. Roots
 * start a second before midnight, other spans half a second before they end; they end when they are pushed, or at
 * `end=` seconds. `scope=` and `service=` say who tells.
 */
export function spanOf(words: readonly string[], pushedAtMs: number): Span {
  const rest = [...words]
  const [trace, id] = take(rest).split('/') as [string, string]
  const isRoot = rest[0] === 'root'
  if (isRoot) rest.shift()
  const parent = rest[0] === 'under' ? spanIdOf(rest.splice(0, 2)[1]!) : ''
  const operation = take(rest)
  const attributes = new Map<string, AttributeValue>([['gen_ai.operation.name', operation]])
  if (operation === 'chat' || operation === 'embeddings') attributes.set('gen_ai.provider.name', 'anthropic')
  const key = NAMED_BY[operation]
  if (key && rest[0] && rest[0] !== 'failed' && !rest[0].includes('=')) attributes.set(key, take(rest))
  const failed = rest[0] === 'failed'
  if (failed) rest.shift()
  let endMs = pushedAtMs
  let scope = 'scenario'
  let service = 'support-bot'
  for (const word of rest) {
    const [name, value] = assignment(word)
    if (name === 'scope') scope = value
    if (name === 'service') service = value
    if (name === 'scope' || name === 'service') continue
    if (name === 'end') {
      endMs = MIDNIGHT_MS + instantMs(`@${value}`)
      continue
    }
    attributes.set(ATTRIBUTES[name] ?? name, /^\d+$/.test(value) ? Number(value) : value)
  }
  return {
    traceId: traceIdOf(trace),
    spanId: spanIdOf(id),
    parentSpanId: parent,
    name: operation,
    kind: operation === 'chat' ? 'client' : 'internal',
    failed,
    failureStatus: null,
    startNano: nanoOfMillis(isRoot ? MIDNIGHT_MS - 1000 : endMs - 500),
    endNano: nanoOfMillis(endMs),
    scopeName: scope,
    scopeVersion: '1',
    attribute: (name) => attributes.get(name),
    nextOf: (keys, from) => keys.findIndex((key, at) => at >= from && attributes.has(key)),
    resource: (name) => (name === 'service.name' ? service : undefined),
  }
}

/** `a` as a trace id: its code, repeated. */
export function traceIdOf(letter: string): string {
  return letter.charCodeAt(0).toString(16).padStart(2, '0').repeat(16)
}

/** The letter of a trace id made by {@link traceIdOf}. */
export function letterOf(traceId: string): string {
  return String.fromCharCode(Number.parseInt(traceId.slice(0, 2), 16))
}

function spanIdOf(number: string): string {
  return number.padStart(16, '0')
}

function take(words: string[]): string {
  const word = words.shift()
  if (word === undefined) throw new Error('a span needs TRACE/ID and an operation')
  return word
}
