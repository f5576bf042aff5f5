/**
 * Model ids as Anthropic's and Amazon's own clients write them: no route prefix with a slash, as routers put before
 * them. Frameworks that take their numbers straight from those clients report cached tokens apart from the input.
 */
export const NATIVE_ANTHROPIC = ['claude-*'] as const

export const NATIVE_ANTHROPIC_ON_BEDROCK = [
  'anthropic.*',
  'us.anthropic.*',
  'eu.anthropic.*',
  'global.anthropic.*',
] as const

const NATIVE_BEDROCK = [
  'anthropic.*',
  'amazon.*',
  'us.*',
  'eu.*',
  'apac.*',
  'global.*',
  'jp.*',
  'au.*',
] as const

export const NATIVE = [...NATIVE_ANTHROPIC, ...NATIVE_BEDROCK] as const

export const GOOGLE = ['gcp.*'] as const

/** What LiteLLM puts before the name of a model. What a router behind it puts there stays: its prices differ. */
export const LITELLM_ROUTES = {
  'openai/': 'openai',
  'azure/': 'azure.ai.openai',
  'anthropic/': 'anthropic',
  'bedrock/converse/': 'aws.bedrock',
  'bedrock/invoke/': 'aws.bedrock',
  'bedrock/': 'aws.bedrock',
  'vertex_ai/': 'gcp.vertex_ai',
  'gemini/': 'gcp.gemini',
  'mistral/': 'mistral_ai',
  'cohere/': 'cohere',
  'deepseek/': 'deepseek',
  'groq/': 'groq',
  'perplexity/': 'perplexity',
  'xai/': 'x_ai',
} as const
