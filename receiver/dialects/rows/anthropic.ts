import type { Dialect } from '../dialect.ts'
import { BY_KNOWN_NAME, BY_OPERATION } from '../operations.ts'
import { CLAUDE_CODE, GEN_AI } from '../vocabularies.ts'

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
    vocabularies: [GEN_AI],
    roles: [BY_KNOWN_NAME, BY_OPERATION],
    cachedInput: [{ says: 'included' }],
    reasoning: [{ says: 'included' }],
  },
  {
    id: 'anthropic-platform',
    title: "Anthropic's API, its own spans in the caller's trace",
    recognise: [
      { scope: ['com.anthropic.claude-platform'] },
      { service: ['claude-platform'], name: ['anthropic.*'] },
    ],
    vocabularies: [GEN_AI],
    roles: [BY_KNOWN_NAME, BY_OPERATION],
    cachedInput: [{ says: 'included' }],
    reasoning: [{ says: 'included' }],
    serves: true,
  },
]
