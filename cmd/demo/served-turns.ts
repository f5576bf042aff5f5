/** One answer of the fake model: what it says, and the usage that it knows it served. */
export interface Turn {
  readonly thinking: string
  readonly text?: string
  readonly toolUse?: { readonly name: string; readonly input: Readonly<Record<string, string>> }
  /** All tokens of the request. */
  readonly inputTokens: number
  /** All tokens of the answer, thinking included. */
  readonly outputTokens: number
  readonly thinkingTokens: number
}

/** What the four agents of the demo are answered, in this order. */
export const TURNS: readonly Turn[] = [
  {
    thinking: 'A double charge. I need the order, its charges and the refund policy.',
    text: '1. Read the order. 2. Fetch its charges. 3. Look up the refund policy.',
    inputTokens: 148,
    outputTokens: 64,
    thinkingTokens: 38,
  },
  {
    thinking: 'First the order.',
    toolUse: { name: 'db__query', input: { order: '1042' } },
    inputTokens: 196,
    outputTokens: 58,
    thinkingTokens: 30,
  },
  {
    thinking: 'Two payments on one order: what does the payment provider say?',
    toolUse: { name: 'api__fetch', input: { order: '1042' } },
    inputTokens: 241,
    outputTokens: 61,
    thinkingTokens: 29,
  },
  {
    thinking: 'The second capture is a retry. What is the policy on that?',
    toolUse: { name: 'cache__get', input: { key: 'refund-policy' } },
    inputTokens: 287,
    outputTokens: 57,
    thinkingTokens: 27,
  },
  {
    thinking: 'Everything is there.',
    text: 'Order 1042 was captured twice because a timed-out capture was retried. The policy is a full refund.',
    inputTokens: 334,
    outputTokens: 142,
    thinkingTokens: 61,
  },
  {
    thinking: 'Is any step missing? The date by which the refund arrives.',
    text: 'Say when the refund arrives: within two working days.',
    inputTokens: 312,
    outputTokens: 93,
    thinkingTokens: 47,
  },
  {
    thinking: 'Kind and brief, with the date.',
    text: 'We are sorry: a retry charged order 1042 twice. You get $59.00 back within two working days.',
    inputTokens: 324,
    outputTokens: 148,
    thinkingTokens: 55,
  },
]
