import type { LanguageModelMiddleware } from 'ai'

type Params = Parameters<NonNullable<LanguageModelMiddleware['transformParams']>>[0]['params']
type Message = Params['prompt'][number]

/**
 * Lets tools be named `db.query`: providers refuse dots in tool names, so on the wire the name is `db__query`, while
 * the program, its spans and its bill say `db.query`. Names with two underscores of their own are not for this.
 */
export const dottedToolNames: LanguageModelMiddleware = {
  specificationVersion: 'v4',

  async transformParams({ params }) {
    const tools = params.tools?.map((tool) => ({ ...tool, name: toWire(tool.name) }))
    return { ...params, tools, prompt: params.prompt.map(messageToWire) }
  },

  async wrapGenerate({ doGenerate }) {
    const result = await doGenerate()
    return { ...result, content: result.content.map(fromWire) }
  },

  async wrapStream({ doStream }) {
    const result = await doStream()
    type Part = typeof result.stream extends ReadableStream<infer P> ? P : never
    const renamed = new TransformStream<Part, Part>({
      transform: (part, controller) => controller.enqueue(fromWire(part)),
    })
    return { ...result, stream: result.stream.pipeThrough(renamed) }
  },
}

function toWire(name: string): string {
  return name.replaceAll('.', '__')
}

function messageToWire(message: Message): Message {
  switch (message.role) {
    case 'assistant':
      return { ...message, content: message.content.map(partToWire) }
    case 'tool':
      return { ...message, content: message.content.map(partToWire) }
    default:
      return message
  }
}

function partToWire<Part extends { type: string }>(part: Part): Part {
  return 'toolName' in part && typeof part.toolName === 'string'
    ? { ...part, toolName: toWire(part.toolName) }
    : part
}

function fromWire<Part extends { type: string }>(part: Part): Part {
  return 'toolName' in part && typeof part.toolName === 'string'
    ? { ...part, toolName: part.toolName.replaceAll('__', '.') }
    : part
}
