/**
 * Whether text matches a glob: `*` is any run of characters, `?` any one; the rest is as written, case and all.
 * Takes at most glob × text steps: only the last `*` is ever tried again, as an earlier one can give nothing more.
 */
export function matchesGlob(glob: string, text: string): boolean {
  let at = 0
  let inGlob = 0
  let star = -1
  let starText = 0
  while (at < text.length) {
    if (glob[inGlob] === '*') {
      star = inGlob++
      starText = at
    } else if (inGlob < glob.length && (glob[inGlob] === '?' || glob[inGlob] === text[at])) {
      inGlob++
      at++
    } else if (star >= 0) {
      inGlob = star + 1
      at = ++starText
    } else {
      return false
    }
  }
  while (glob[inGlob] === '*') inGlob++
  return inGlob === glob.length
}
