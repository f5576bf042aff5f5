import type { Dialect, Match, Pattern } from '../dialect.ts'
import {
  BY_AI_NAME,
  BY_AI_OPERATION,
  BY_OPEN_INFERENCE_KIND,
  BY_OPEN_INFERENCE_REST,
  BY_OPERATION,
} from '../operations.ts'
import { AI_SDK, GEN_AI, OPEN_INFERENCE_COPIES } from '../vocabularies.ts'
import { GOOGLE, NATIVE_ANTHROPIC } from './models.ts'

// Applications may give a tracer of their own, so the scope may be any.
const NO_CACHE = 'ai.usage.inputTokenDetails.noCacheTokens'
const OLDER = ['ai/5.*', 'ai/4.*', 'ai/3.*'] as const
const userAgent = (...is: readonly Pattern[]): Match => ({ attribute: 'ai.request.headers.user-agent', is })

/** A request that failed as a whole gave no answer; one that failed while streaming may have given part of one. */
const failedAs = {
  when: [{ attribute: 'ai.operationId', is: ['*.doGenerate', '*.doEmbed'] }],
  errorType: 'no_answer',
} as const

/** A streamed text's own usage has always been the sum of its steps. */
const sums = ['ai.streamText*'] as const

// A stream that is left in its midst has no span for its request, only this one around it.
const reads = {
  vocabularies: [AI_SDK, GEN_AI, OPEN_INFERENCE_COPIES],
  roles: [BY_AI_OPERATION, BY_OPERATION, BY_AI_NAME],
  failedAs,
  asks: true,
} as const

const PROMPT = 'ai.usage.promptTokens'
const MADE_BY = 'ai.model.provider'
const METADATA = 'ai.response.providerMetadata'

/**
 * Versions 3 and 4 leave out what Google's models thought, and version 3 what Anthropic's read from a cache and wrote to it: both
 * stand beside the numbers that it tells.
 */
const estimated: Dialect['estimated'] = [
  {
    attribute: PROMPT,
    where: { [MADE_BY]: ['google*'], 'ai.model.id': ['*gemini-2.5*', '*gemini-3*', '*thinking*'] },
    without: ['ai.usage.totalTokens', 'ai.usage.reasoningTokens'],
    unless: { [METADATA]: ['*"usageMetadata":{*'] },
  },
  {
    attribute: PROMPT,
    where: { [MADE_BY]: ['*anthropic*'] },
    without: [METADATA, 'ai.usage.cachedInputTokens'],
  },
]

/**
 * The Vercel AI SDK. What a number means changed with its versions, which the spans tell only in part: the header is not
 * on streams, the split of the input exists since 6.0.119.
 */
export const VERCEL_AI_ROWS: readonly Dialect[] = [
  {
    id: 'ai-sdk-6.0.119',
    family: 'ai-sdk',
    title: 'Vercel AI SDK from 6.0.119, scope `ai`',
    recognise: [{ scope: ['ai'], attribute: NO_CACHE }, { attribute: NO_CACHE }],
    ...reads,
    cachedInput: [{ says: 'included' }],
    reasoning: [{ says: 'included' }],
    wrapperUsage: 'sum',
  },
  {
    id: 'ai-sdk-6',
    family: 'ai-sdk',
    title: 'Vercel AI SDK 6',
    recognise: [{ scope: ['ai'], ...userAgent('ai/6.*') }, userAgent('ai/6.*')],
    ...reads,
    cachedInput: [{ says: 'included' }],
    reasoning: [{ says: 'included' }],
    wrapperUsage: 'last',
    sums,
  },
  {
    id: 'ai-sdk-5',
    family: 'ai-sdk',
    title: 'Vercel AI SDK 3 to 5',
    recognise: [{ scope: ['ai'], ...userAgent(...OLDER) }, userAgent(...OLDER)],
    ...reads,
    cachedInput: [
      { says: 'excluded', providers: ['anthropic', 'aws.bedrock'], models: NATIVE_ANTHROPIC },
      { says: 'included' },
    ],
    reasoning: [{ says: 'apart', providers: GOOGLE }],
    wrapperUsage: 'last',
    sums,
    estimated,
  },
  {
    id: 'ai-sdk',
    family: 'ai-sdk',
    title: 'Vercel AI SDK, version unknown',
    recognise: [{ scope: ['ai'] }, { attribute: 'ai.operationId' }],
    ...reads,
    wrapperUsage: 'last',
    sums,
    estimated,
  },
  {
    id: 'ai-sdk-7',
    title: 'Vercel AI SDK 7, scope `gen_ai`',
    recognise: [{ scope: ['gen_ai'] }],
    vocabularies: [GEN_AI, AI_SDK, OPEN_INFERENCE_COPIES],
    roles: [BY_OPERATION, BY_OPEN_INFERENCE_KIND, BY_OPEN_INFERENCE_REST],
    cachedInput: [{ says: 'included' }],
    reasoning: [{ says: 'included' }],
    wrapperUsage: 'sum',
  },
]
