/**
 * An array parameter as PostgreSQL reads it, of numbers, instants, or other texts without quotes and backslashes. Given
 * an array, the client escapes each element by itself; of what never needs it that is most of the cost of a parameter.
 */
export function plainArray(list: Iterable<string | number>): string {
  let text = ''
  for (const item of list) text += text === '' ? `{"${item}"` : `,"${item}"`
  return text === '' ? '{}' : `${text}}`
}
