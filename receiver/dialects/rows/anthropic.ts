import type { Dialect } from '../dialect.ts'
import { BY_KNOWN_NAME, BY_OPERATION } from '../operations.ts'
import { ANTHROPIC, CLAUDE_CODE, GEN_AI } from '../vocabularies.ts'

const reads = {
  vocabularies: [GEN_AI, ANTHROPIC],
  // A batch is answered elsewhere: its requests are known to have been made, not what they used.
  roles: [{ names: { 'anthropic.messages.batches.create': 'call' } }, BY_KNOWN_NAME, BY_OPERATION],
  cachedInput: [{ says: 'included' }],
  reasoning: [{ says: 'included' }],
  // It is told in one number how much went in, cached or not.
  estimated: [{ attribute: 'anthropic.usage.compaction.input_tokens' }],
} as const

/** What Anthropic's own software emits. */
export const ANTHROPIC_ROWS: readonly Dialect[] = [
  {
    id: 'claude-code',
    title: 'Claude Code and the Claude Agent SDK',
    recognise: [
      { scope: ['com.anthropic.claude_code', 'com.anthropic.claude_code.*'] },
      { service: ['claude-code'], name: ['claude_code.*'] },
    ],
    vocabularies: [CLAUDE_CODE, GEN_AI],
    roles: [
      {
        names: {
          'claude_code.llm_request': 'call',
          'claude_code.interaction': 'agent',
          'claude_code.tool': 'tool',
        },
      },
      { attribute: 'parent_agent_id', present: 'agent' },
      { names: { 'claude_code.*': 'wrapper' } },
      BY_OPERATION,
    ],
    cachedInput: [{ says: 'excluded' }],
    reasoning: [{ says: 'included' }],
    failed: [{ attribute: 'success', is: ['false'] }],
  },
  {
    id: 'anthropic-sdk',
    title: 'Anthropic SDKs',
    recognise: [{ scope: ['com.anthropic.sdk.*'] }],
    ...reads,
  },
  {
    id: 'anthropic-platform',
    title: "Anthropic's API, its own spans in the caller's trace",
    recognise: [
      { scope: ['com.anthropic.claude-platform'] },
      { service: ['claude-platform'], name: ['anthropic.*'] },
    ],
    ...reads,
    serves: true,
  },
]
