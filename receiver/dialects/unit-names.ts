/** Units that may be stated on any span as `aforo.usage.<unit>`; a decoder keeps known keys only, so they are listed. */
export const STATED_UNITS = [
  'web_searches',
  'web_search_previews',
  'grounded_prompts',
  'x_searches',
  'collection_searches',
  'attachment_searches',
  'file_searches',
  'code_executions',
  'code_sessions',
  'container_seconds',
  'citation_tokens',
  'images',
  'search_units',
  'rerank_searches',
  'pages',
  'annotated_pages',
  'characters',
  'input_audio_seconds',
  'output_audio_seconds',
  'video_seconds',
  'input_audio_tokens',
  'cache_read_audio_tokens',
  'output_audio_tokens',
  'input_image_tokens',
  'cache_read_image_tokens',
  'output_image_tokens',
  'input_video_tokens',
  'output_video_tokens',
] as const

/**
 * Other names of the same units, as the price catalogue's own usage has them: who already counts for it states what it
 * has. A unit that is stated by its own name too is as that says.
 */
export const UNIT_ALIASES: Readonly<Partial<Record<(typeof STATED_UNITS)[number], readonly string[]>>> = {
  x_searches: ['social_searches'],
  file_searches: ['storage_searches'],
  citation_tokens: ['output_citation_tokens'],
  pages: ['input_document_pages'],
  annotated_pages: ['input_annotated_document_pages'],
  characters: ['input_characters'],
  input_audio_seconds: ['audio_seconds'],
  cache_read_audio_tokens: ['cache_audio_read_tokens'],
  cache_read_image_tokens: ['cache_image_read_tokens'],
}

/** Units that are all a request consumes: a rerank, a page read, a picture made. A span with one needs no tokens. */
export const WHOLE_UNITS: readonly string[] = [
  'search_units',
  'rerank_searches',
  'pages',
  'annotated_pages',
  'images',
  'characters',
  'input_audio_seconds',
  'output_audio_seconds',
  'video_seconds',
]
