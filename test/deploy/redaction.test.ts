import fc from 'fast-check'
import { expect, test } from 'vitest'
import { failureStatusOfText } from '../../receiver/decode/failure-status.ts'
import { countReasoningPartsOfText } from '../../receiver/decode/reasoning-parts.ts'
import { usageInside } from '../../receiver/decode/usage-inside.ts'
import type { Match } from '../../receiver/dialects/dialect.ts'
import { COUNTED_KEYS, KEYS, USAGE_INSIDE_KEYS } from '../../receiver/dialects/keys.ts'
import { DIALECTS } from '../../receiver/dialects/table.ts'
import { FAILURE_TEXTS } from '../support/failure-texts.ts'
import { type CollectorConfig, literals, yaml } from './files.ts'

const { processors } = yaml<CollectorConfig>('otel-collector-config.yaml')
const statements = processors['transform/redact'].trace_statements
const condition = processors['filter/genai'].trace_conditions[0]!
const allowed = new RegExp(
  literals(statements.find((s) => s.startsWith('keep_matching_keys(span.attributes'))!)[0]!,
)

/** Of the resource, which keeps what it has; or read only to leave spans out that the filter drops anyway. */
const ELSEWHERE = ['service.name', 'service.instance.id', 'telemetry.sdk.name', 'telemetry.sdk.language']
/** Among an application's own words: all but what is read is cut away, and the rest put back. */
const CUT_TO: Readonly<Record<string, readonly string[]>> = {
  metadata: ['ls_provider', 'ls_model_name'],
  'gen_ai.response.metadata': ['cacheReadInputTokens', 'cacheCreationInputTokens', 'cacheWriteInputTokens'],
}
const OF_DROPPED = ['db.system', 'db.system.name', 'messaging.system']

/** Keys in which instrumentations put contents, as recorded, and as documented where no recording is at hand. */
const CONTENTS = [
  'gen_ai.input.messages',
  'gen_ai.system_instructions',
  'gen_ai.prompt',
  'gen_ai.prompt.0.content',
  'gen_ai.completion.0.content',
  'gen_ai.content.prompt',
  'gen_ai.request.messages',
  'gen_ai.response.text',
  'gen_ai.tool.call.arguments',
  'gen_ai.tool.call.result',
  'gen_ai.tool.definitions',
  'llm.input_messages.0.message.content',
  'llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments',
  'llm.invocation_parameters',
  'llm.prompts',
  'llm.tools.0.tool.json_schema',
  'input.value',
  'output.value',
  'tool.parameters',
  'ai.prompt',
  'ai.prompt.messages',
  'ai.response.text',
  'ai.response.object',
  'ai.response.toolCalls',
  'ai.toolCall.args',
  'ai.toolCall.result',
  'ai.values',
  'ai.request.headers.authorization',
  'traceloop.entity.input',
  'traceloop.entity.output',
  'langfuse.observation.input',
  'langfuse.observation.metadata.instructions',
  'langfuse.trace.output',
  'mlflow.spanInputs',
  'mlflow.spanOutputs',
  'mastra.metadata.body',
  'genkit:input',
  'genkit:output',
  'gcp.vertex.agent.llm_request',
  'user_prompt',
  'url.full',
  'db.query.text',
  'exception.message',
  'a.key.nobody.knows',
]

test('what a dialect reads leaves the Collector', () => {
  const lost = KEYS.filter(
    (key) => !allowed.test(key) && !ELSEWHERE.includes(key) && !OF_DROPPED.includes(key) && !(key in CUT_TO),
  )
  expect(lost).toEqual([])
})

test('usage does not go with the contents', () => {
  const removed = statements.filter((s) => s.startsWith('delete_') || s.startsWith('keep_'))
  const deleted = removed.flatMap((s) => (s.includes('where') ? [] : literals(s)))
  expect(KEYS.filter((key) => deleted.includes(key))).toEqual([])
  for (const key of [
    'langfuse.observation.usage_details',
    'mlflow.chat.tokenUsage',
    'gen_ai.usage.input_tokens',
  ])
    expect(allowed.test(key), key).toBe(true)
})

test('contents do not leave it', () => {
  expect(CONTENTS.filter((key) => allowed.test(key))).toEqual([])
})

test('of the contents that usage stands in, nothing but the usage is put back', () => {
  for (const key of USAGE_INSIDE_KEYS.filter((key) => key !== 'output.value')) putsBack(key, '["usage')
  for (const [key, words] of Object.entries(CUT_TO)) {
    putsBack(key, `[${words.map((word) => `"${word}"`).join(', ')}])`)
  }
})

/** What is read of a key before the allowed are kept, is cut to some words and put back after. */
function putsBack(key: string, words: string): void {
  const list = statements.findIndex((s) => s.startsWith('keep_matching_keys(span.attributes'))
  expect(allowed.test(key), key).toBe(false)
  const read = statements.findIndex((s) => s.includes(`ParseJSON(span.attributes["${key}"])`))
  const [, cached] = /^set\(span\.cache\["(\w+)"\]/.exec(statements[read]!)!
  const cut = statements.findIndex((s) => s.startsWith(`keep_keys(span.cache["${cached}"], ${words}`))
  const put = statements.findIndex((s) => s.startsWith(`set(span.attributes["${key}"], String(`))
  expect(statements[put], key).toContain(`String(span.cache["${cached}"])`)
  expect([read, list, cut, put], key).toEqual([read, list, cut, put].sort((a, b) => a - b))
  expect(read, key).toBeGreaterThanOrEqual(0)
}

test('of an answer of LangChain the one usage object within it stays', () => {
  const [read] = statements.filter((s) => s.includes('ExtractPatterns(span.attributes["output.value"]'))
  const pattern = new RegExp(
    literals(read!)
      .find((text) => text.includes('(?P<'))!
      .replace('(?P<', '(?<'),
  )
  const usage = fc.record({
    input_tokens: fc.nat(),
    input_token_details: fc.record({ cache_read: fc.nat() }),
  })
  fc.assert(
    fc.property(usage, fc.string(), (usage_metadata, content) => {
      const answer = JSON.stringify({ generations: [[{ message: { content, usage_metadata } }]] })
      expect(pattern.exec(answer)?.groups?.usage).toBe(JSON.stringify(usage_metadata))
      const left = `{"usage_metadata":${JSON.stringify(usage_metadata)}}`
      const inside = (text: string) => usageInside(Buffer.from(text), 0, Buffer.byteLength(text))
      expect(inside(left)).toBe(inside(answer))
    }),
  )
})

test('of the contents whose reasoning parts are counted, the marks stay and nothing else', () => {
  for (const key of COUNTED_KEYS) {
    expect(allowed.test(key), key).toBe(true)
    const redact = statements.find((s) => s.startsWith(`replace_pattern(span.attributes["${key}"]`))!
    const [, pattern] = literals(redact)
    // Go spells "the dot takes newlines" as a prefix, JavaScript as a flag.
    const marks = new RegExp(pattern!.replaceAll('(?s)', ''), 'gs')
    fc.assert(
      fc.property(fc.array(fc.oneof(part(), fc.string(), fc.constant('\n$1'))), (pieces) => {
        const contents = pieces.join('')
        const left = contents.replace(marks, '$1')
        expect(countReasoningPartsOfText(left)).toBe(countReasoningPartsOfText(contents))
        expect(left.replace(/"type": ?"(?:reasoning|thinking)"/g, '')).toBe('')
      }),
    )
  }
})

test.each(FAILURE_TEXTS)('of the status text %j it leaves what names %i, and no prose', (text, status) => {
  const of = (start: string) => statements.filter((s) => s.startsWith(start)).map((s) => literals(s))
  const pattern = (source: string) => new RegExp(source.replaceAll('(?s)', ''), 's')
  const left = of('replace_pattern(span.status.message')
    .map(([source, by]) => [pattern(source!), by!.replace('$$', '$')] as const)
    .reduce((message, [words, by]) => message.replace(words, by), text)
  const [, kept] = of('set(span.status.message, "")')[0]!
  expect(failureStatusOfText(pattern(kept!).test(left) ? left : '')).toBe(status)
  if (pattern(kept!).test(left)) expect(left.length).toBeLessThanOrEqual(60)
})

test('every dialect is let in', () => {
  const patterns = literals(condition)
  const vocabulary = new RegExp(patterns[0]!)
  const [scope, service, name] = patterns.filter((p) => p.startsWith('^')).map((p) => new RegExp(p))
  const isKept = (match: Match) =>
    (match.attribute !== undefined && (vocabulary.test(`"${match.attribute}"`) || isGenAiValue(match))) ||
    match.scope?.every((s) => scope!.test(s.replace(/\*$/, 'x'))) ||
    match.service?.every((s) => service!.test(s.replace(/\*$/, 'x'))) ||
    match.name?.every((n) => name!.test(n))
  // The AWS instrumentation is that of every service; its model calls carry gen_ai attributes.
  const shared = ['@opentelemetry/instrumentation-aws-sdk']
  const dropped = DIALECTS.flatMap(({ id, recognise }) =>
    recognise
      .filter((m) => !isKept(m) && !m.scope?.every((s) => shared.includes(s)))
      .map((m) => ({ id, ...m })),
  )
  expect(dropped).toEqual([])
})

/** Sentry's spans carry gen_ai attributes beside the one the row looks at. */
function isGenAiValue(match: Match): boolean {
  return match.is?.some((value) => value.startsWith('gen_ai.')) ?? false
}

test('spans of others are dropped, those of who pays and of a model API are not', () => {
  const patterns = literals(condition)
  const vocabulary = new RegExp(patterns[0]!)
  const modelApi = new RegExp(patterns.at(-1)!)
  for (const key of ['url.full', 'db.system', 'http.route', 'airline.code', 'code.function', 'tool.name'])
    expect(vocabulary.test(`["${key}"]`), key).toBe(false)
  for (const key of ['aforo.customer.id', 'enduser.id', 'session.id'])
    expect(vocabulary.test(`["url.full","${key}"]`), key).toBe(true)
  for (const path of [
    '/v1/chat/completions',
    '/v1/messages?beta=true',
    '/v1beta/models/x:streamGenerateContent',
  ])
    expect(modelApi.test(`POST ${path} <nil>`), path).toBe(true)
  for (const path of ['/v1/chat', '/messages-archive', '/model/x/train'])
    expect(modelApi.test(`POST ${path} <nil>`), path).toBe(false)
})

function part(): fc.Arbitrary<string> {
  return fc.constantFrom(
    '{"type":"reasoning","content":"secret"}',
    '{"type": "thinking"}',
    '{"type":"text","content":"say \\"type\\":\\"reasoning\\""}',
    '"type":',
  )
}
