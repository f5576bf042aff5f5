/** Waits for a call that the provider refuses. Throws where it is answered after all. */
export async function turnedAway(call) {
  let answer
  try {
    answer = await call
  } catch {
    return
  }
  throw new Error(`not refused: ${JSON.stringify(answer)}`)
}
