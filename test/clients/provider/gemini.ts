import { z } from 'zod'
import type { Served } from './ledger.ts'
import { ANSWER, TOOL_ARGUMENTS } from './said.ts'
import type { Answer, Question } from './server.ts'

const part = z.object({ functionResponse: z.object({}).optional() })
const declared = z.object({ functionDeclarations: z.array(z.object({ name: z.string() })).optional() })
const generateRequest = z.object({
  contents: z.array(z.object({ parts: z.array(part) })).min(1),
  // Older clients name them without a list around them.
  tools: z.union([declared.transform((only) => [only]), z.array(declared)]).nullish(),
})

/** `POST …/models/{model}:generateContent` and its stream. The first of its tools is called once, then it answers. */
export function answerGemini({ client, path, body, ledger }: Question): Answer {
  const request = generateRequest.parse(body)
  const [, model = '', verb = ''] = /models\/([^/]+):(\w+)$/.exec(path) ?? []
  const hasResult = request.contents.some(({ parts }) => parts.some((each) => each.functionResponse))
  const tool = hasResult ? undefined : request.tools?.flatMap((each) => each.functionDeclarations ?? [])[0]
  const isStream = verb === 'streamGenerateContent'
  const asked = { client, kind: 'chat', model, idPrefix: '', tellsReasoning: true, isStream } as const
  const served = ledger.enter({ ...asked, asksTool: tool !== undefined })
  const parts = tool
    ? [{ functionCall: { name: tool.name, args: TOOL_ARGUMENTS } }]
    : ANSWER.map((text) => ({ text }))
  if (!isStream) return { json: chunk(served, parts, true) }
  return { events: parts.map((each, i) => ({ data: chunk(served, [each], i === parts.length - 1) })) }
}

/** Here the output is without the thoughts, which only the total adds. */
function chunk(served: Served, parts: readonly object[], isLast: boolean): object {
  const usage = {
    promptTokenCount: served.input,
    ...(served.cacheRead > 0 && { cachedContentTokenCount: served.cacheRead }),
    candidatesTokenCount: served.output - served.reasoning,
    ...(served.reasoning > 0 && { thoughtsTokenCount: served.reasoning }),
    totalTokenCount: served.input + served.output,
  }
  const finished = isLast ? { finishReason: 'STOP' } : {}
  return {
    candidates: [{ index: 0, content: { role: 'model', parts }, ...finished }],
    modelVersion: served.model,
    responseId: served.responseId,
    ...(isLast && { usageMetadata: usage }),
  }
}
