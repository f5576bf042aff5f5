import { describe, expect, it } from 'vitest'
import { isGoogle, providerName, tierName } from './providers.ts'

describe('providerName', () => {
  it.each([
    ['openai', 'openai'],
    ['openai.chat', 'openai'],
    ['OpenAI', 'openai'],
    ['azure.ai.inference', 'azure.ai.inference'],
    ['az.ai.openai', 'azure.ai.openai'],
    ['azure-openai.responses', 'azure.ai.openai'],
    ['anthropic.messages', 'anthropic'],
    ['amazon-bedrock', 'aws.bedrock'],
    ['google.generative-ai', 'gcp.gemini'],
    ['google.vertex.chat', 'gcp.vertex_ai'],
    ['vertex_ai', 'gcp.vertex_ai'],
    ['gcp.gen_ai', 'gcp.gen_ai'],
    ['xai.chat', 'x_ai'],
    ['some-new-lab.chat', 'some-new-lab'],
    ['some-new-lab.beta', 'some-new-lab.beta'],
    ['constructor', 'constructor'],
    ['langchain', null],
    ['strands-agents', null],
    ['', null],
  ])('%s is %s', (spelling, name) => {
    expect(providerName(spelling)).toBe(name)
  })
})

describe('isGoogle', () => {
  it('is told by the model before the host', () => {
    expect(isGoogle('gcp.vertex_ai', 'gemini-3-pro')).toBe(true)
    expect(isGoogle(null, 'google/gemini-3-flash')).toBe(true)
    expect(isGoogle('gcp.gemini', null)).toBe(true)
    expect(isGoogle('gcp.vertex_ai', 'claude-sonnet-4-5')).toBe(false)
    expect(isGoogle('openai', 'gpt-4o')).toBe(false)
  })
})

describe('tierName', () => {
  it('has one word for the ordinary tier', () => {
    expect(['default', 'standard', 'normal', 'Batch', 'auto', ''].map(tierName)).toEqual([
      'standard',
      'standard',
      'standard',
      'batch',
      null,
      null,
    ])
  })
})
