import { AforoError, type FieldFault } from '../../../core/errors.ts'

/** Faults told of a catalogue; the others are counted. */
export const FAULTS_MAX = 100

/** Refuses a catalogue, with its faults by path. */
export function refuse(name: string, faults: readonly FieldFault[]): never {
  const more = faults.length > 1 ? ` and ${faults.length - 1} more` : ''
  const [first] = faults
  throw new AforoError('invalid_argument', `${name} is refused: ${first?.path} ${first?.message}${more}`, {
    faults: faults.slice(0, FAULTS_MAX),
  })
}
