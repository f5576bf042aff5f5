/** What every model says, whatever the question, and what it wants of every tool. */
export const ANSWER = ['It is ', 'sunny.']
export const TOOL_ARGUMENTS = { city: 'Oslo' }
/** 2025-06-01, in seconds: answers of this provider have no date of their own. */
export const CREATED = 1_748_736_000
