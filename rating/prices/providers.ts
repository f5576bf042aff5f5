/**
 * Which provider of the catalogue a provider name in a span means. The catalogue's own clauses match by substring
 * and would bill Azure as OpenAI, so the names are mapped by hand and a name that is in neither list is unknown.
 */
export function catalogueProvider(provider: string, known: (id: string) => boolean): string | null {
  const name = provider.trim().toLowerCase()
  const mapped = OTEL_PROVIDERS.get(name) ?? name
  return known(mapped) ? mapped : null
}

/** OpenTelemetry's names, today's and earlier ones, and those of common SDKs, where they differ from the catalogue. */
const OTEL_PROVIDERS: ReadonlyMap<string, string> = new Map([
  ['azure.ai.openai', 'azure'],
  ['azure.ai.inference', 'azure'],
  ['azure_openai', 'azure'],
  ['az.ai.openai', 'azure'],
  ['az.ai.inference', 'azure'],
  ['aws.bedrock', 'aws'],
  ['aws_bedrock', 'aws'],
  ['amazon-bedrock', 'aws'],
  ['amazon_bedrock', 'aws'],
  ['bedrock', 'aws'],
  ['gcp.gemini', 'google'],
  ['gcp.vertex_ai', 'google'],
  ['gcp.gen_ai', 'google'],
  ['gemini', 'google'],
  ['vertex_ai', 'google'],
  ['vertexai', 'google'],
  ['mistral_ai', 'mistral'],
  ['mistralai', 'mistral'],
  ['x_ai', 'x-ai'],
  ['xai', 'x-ai'],
  ['moonshot_ai', 'moonshotai'],
  ['moonshot', 'moonshotai'],
  ['together_ai', 'together'],
  ['togetherai', 'together'],
  ['together-ai', 'together'],
  ['fireworks_ai', 'fireworks'],
  ['fireworks-ai', 'fireworks'],
  ['voyage_ai', 'voyageai'],
])
