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

/** Whether a glob may match a text that goes on where this one ends, or this one. */
export function mayMatchOn(glob: string, text: string): boolean {
  // Places in the glob that the text may have got to.
  let places = new Set(beyondStars(glob, 0))
  for (const letter of text) {
    const next = new Set<number>()
    for (const place of places) {
      if (glob[place] === '*') next.add(place)
      else if (glob[place] === '?' || glob[place] === letter)
        for (const one of beyondStars(glob, place + 1)) next.add(one)
    }
    places = next
  }
  return places.size > 0
}

/** A place, and those that nothing more is needed for to get to. */
function beyondStars(glob: string, place: number): readonly number[] {
  const found = [place]
  for (let at = place; glob[at] === '*'; at++) found.push(at + 1)
  return found
}
