import { ANTHROPIC } from './anthropic.ts'
import { AWS } from './aws.ts'
import { AZURE } from './azure.ts'
import { COHERE } from './cohere.ts'
import type { ProviderCorrections } from './correction.ts'
import { DEEPSEEK } from './deepseek.ts'
import { GOOGLE } from './google.ts'
import { GROQ, OPENROUTER, PERPLEXITY } from './hosts.ts'
import { MISTRAL } from './mistral.ts'
import { OPENAI } from './openai.ts'
import { X_AI } from './x-ai.ts'

/** All we know better than the catalogue. OpenAI goes before Azure, whose Data Zones are worked out from its list. */
export const CORRECTIONS: readonly ProviderCorrections[] = [
  OPENAI,
  AZURE,
  ANTHROPIC,
  AWS,
  GOOGLE,
  DEEPSEEK,
  X_AI,
  MISTRAL,
  COHERE,
  GROQ,
  OPENROUTER,
  PERPLEXITY,
]
