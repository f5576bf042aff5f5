/**
 * The text where it is no longer than that, else its beginning with a hash of the whole: two long names stay two. No
 * pair of surrogates is cut in half.
 */
export function shortName(text: string, charactersMax: number): string {
  if (text.length <= charactersMax) return text
  let h1 = 0x811c9dc5
  let h2 = 0x1b873593
  for (let i = 0; i < text.length; i++) {
    h1 = Math.imul(h1 ^ text.charCodeAt(i), 0x01000193)
    h2 = Math.imul(h2 ^ text.charCodeAt(i), 0x85ebca6b) ^ (h1 >>> 15)
  }
  const hash = [h1, h2].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('')
  return `${text.slice(0, charactersMax - hash.length - 1)}~${hash}`.toWellFormed()
}
