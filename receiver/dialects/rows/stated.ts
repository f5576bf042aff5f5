import type { Dialect } from '../dialect.ts'
import { GEN_AI, STATED } from '../vocabularies.ts'

/** A span of the user's own on which the tokens of one model call are stated in Aforo's words. */
export const STATED_ROWS: readonly Dialect[] = [
  {
    id: 'stated',
    title: 'Tokens stated outright as `aforo.usage.*`',
    recognise: [{ attribute: 'aforo.usage.input_tokens' }, { attribute: 'aforo.usage.output_tokens' }],
    vocabularies: [STATED, GEN_AI],
    roles: [
      { attribute: 'aforo.usage.input_tokens', present: 'call' },
      { attribute: 'aforo.usage.output_tokens', present: 'call' },
    ],
    cachedInput: [{ says: 'included' }],
    reasoning: [{ says: 'included' }],
  },
]
