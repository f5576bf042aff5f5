/** OpenTelemetry's names of today, by the spellings met: older values, the AI SDK's, OpenInference's, gateways'. */
const SPELLINGS: Readonly<Record<string, string>> = {
  openai: 'openai',
  open_ai: 'openai',
  azure_open_ai: 'azure.ai.openai',
  'azure-openai': 'azure.ai.openai',
  azure_openai: 'azure.ai.openai',
  azure: 'azure.ai.openai',
  'az.ai.openai': 'azure.ai.openai',
  'az.ai.inference': 'azure.ai.inference',
  azure_ai_inference: 'azure.ai.inference',
  anthropic: 'anthropic',
  claude: 'anthropic',
  vertex_ai: 'gcp.vertex_ai',
  vertexai: 'gcp.vertex_ai',
  vertex: 'gcp.vertex_ai',
  'google.vertex': 'gcp.vertex_ai',
  'google-vertex': 'gcp.vertex_ai',
  'vertex.anthropic': 'gcp.vertex_ai',
  gemini: 'gcp.gemini',
  google: 'gcp.gemini',
  'google-gla': 'gcp.gemini',
  google_genai: 'gcp.gemini',
  google_vertexai: 'gcp.vertex_ai',
  google_ai_gemini: 'gcp.gemini',
  google_vertex_ai_gemini: 'gcp.vertex_ai',
  google_vertex_ai_anthropic: 'gcp.vertex_ai',
  google_ai_studio: 'gcp.gemini',
  'google.generative-ai': 'gcp.gemini',
  'google-generativeai': 'gcp.gemini',
  'amazon-bedrock': 'aws.bedrock',
  amazon_bedrock: 'aws.bedrock',
  bedrock: 'aws.bedrock',
  aws: 'aws.bedrock',
  'aws-bedrock': 'aws.bedrock',
  aws_bedrock: 'aws.bedrock',
  bedrock_converse: 'aws.bedrock',
  mistral: 'mistral_ai',
  mistralai: 'mistral_ai',
  xai: 'x_ai',
  grok: 'x_ai',
  cohere: 'cohere',
  cohere_client: 'cohere',
  deepseek: 'deepseek',
  groq: 'groq',
  perplexity: 'perplexity',
  watsonx: 'ibm.watsonx.ai',
  moonshot: 'moonshot_ai',
  moonshotai: 'moonshot_ai',
}

const NAMES = new Set([...Object.values(SPELLINGS), 'gcp.gen_ai'])

/** Frameworks and SDKs that put their own name where the provider's belongs. */
const NO_PROVIDERS = new Set([
  'langchain',
  'langgraph',
  'llama_index',
  'llamaindex',
  'strands-agents',
  'gcp.vertex.agent',
  'litellm',
  'crewai',
  'autogen',
  'haystack',
  'agno',
  'mastra',
  'semantic_kernel',
  'spring_ai',
  'dify',
  'genkit',
  'microsoft.agent_framework',
  'pydantic-ai',
  'unknown',
  '',
])

/**
 * The provider in OpenTelemetry's spelling. `openai.chat` and the like are cut at their last dots until a known name is
 * left; a name nobody knows is kept in lower case, without the AI SDK's word for the endpoint; a framework's is null.
 */
export function providerName(spelling: string): string | null {
  const text = spelling.trim().toLowerCase()
  if (NO_PROVIDERS.has(text)) return null
  if (NAMES.has(text)) return text
  for (let stem = text; stem !== ''; stem = stem.slice(0, Math.max(stem.lastIndexOf('.'), 0))) {
    const name = Object.hasOwn(SPELLINGS, stem) ? SPELLINGS[stem] : undefined
    if (name !== undefined) return name
  }
  return text.replace(/\.(?:chat|responses|messages|completion|embedding|image)$/, '')
}

/**
 * Whether Google counts the tokens: there reasoning may stand beside the output, seen in the
 * total alone. Other makers' models that Google hosts are counted by their makers' rules.
 */
export function isGoogle(provider: string | null, model: string | null): boolean {
  if (model !== null && /(?:^|\/)(?:gemini|gemma)/i.test(model)) return true
  if (provider === null || !provider.startsWith('gcp.')) return false
  return model === null || !/claude|llama|mistral/i.test(model)
}

/** Tiers as price lists name them. */
const TIERS: Readonly<Record<string, string | null>> = {
  default: 'standard',
  normal: 'standard',
  standard: 'standard',
  auto: null,
}

/** The service tier in one spelling; null where the word tells nothing. */
export function tierName(spelling: string): string | null {
  const text = spelling.trim().toLowerCase()
  if (text === '') return null
  const tier = Object.hasOwn(TIERS, text) ? TIERS[text] : text
  return tier ?? null
}
