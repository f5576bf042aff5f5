/** What is asked of each span by the candidate that reads: about what telling one kind of span from another takes. */
export const READ = [
  'gen_ai.operation.name',
  'gen_ai.provider.name',
  'gen_ai.system',
  'gen_ai.request.model',
  'gen_ai.response.model',
  'gen_ai.response.id',
  'gen_ai.usage.input_tokens',
  'gen_ai.usage.output_tokens',
  'gen_ai.usage.cache_read.input_tokens',
  'gen_ai.usage.reasoning.output_tokens',
  'gen_ai.conversation.id',
  'gen_ai.agent.name',
  'gen_ai.tool.name',
  'gen_ai.tool.type',
  'gen_ai.tool.call.id',
  'openai.response.service_tier',
  'user.id',
  'aforo.customer.id',
  'error.type',
  'db.system.name',
] as const

export const READ_OF_RESOURCE = ['service.name', 'service.instance.id', 'cloud.region'] as const
