import type { Decision } from '../../core/decision.ts'
import type { TenantId } from '../../core/ids.ts'
import type { Checkers } from '../checkers.ts'
import { parsedJson } from './body.ts'
import { decisionText } from './decision-text.ts'
import { endHold } from './hold-end.ts'
import type { PlainEnd, PlainHead, PlainLine } from './plain-head.ts'
import { checkRequest } from './request.ts'
import { withKeyOf } from './request-head.ts'

/** Headers that came before, whose words need no second look: the same bytes say the same. */
export interface KnownHead extends PlainHead {
  readonly admit: () => TenantId | Promise<TenantId>
}

/** What a plain request is answered: as the same request is by `createCheckServer`. Throws, or rejects, as that fails. */
export function answerPlain(
  checkers: Checkers,
  line: PlainLine,
  head: KnownHead,
  json: string,
): string | Promise<string> {
  return line.verb === 'check' ? answerCheck(checkers, head, json) : answerEnd(checkers, line, head, json)
}

function answerCheck(checkers: Checkers, head: KnownHead, json: string): string | Promise<string> {
  const body = parsedJson(json)
  const tenantId = head.admit()
  const decision =
    typeof tenantId === 'string'
      ? decide(checkers, tenantId, head, body)
      : tenantId.then((found) => decide(checkers, found, head, body))
  return decision instanceof Promise ? decision.then(decisionText) : decisionText(decision)
}

function decide(
  checkers: Checkers,
  tenantId: TenantId,
  head: KnownHead,
  body: unknown,
): Decision | Promise<Decision> {
  return checkers.of(tenantId).check(checkRequest(withKeyOf(head, body), Date.now()))
}

/** Who asks is looked at before what he says, as there. */
async function answerEnd(
  checkers: Checkers,
  { verb, holdId }: PlainEnd,
  head: KnownHead,
  json: string,
): Promise<string> {
  const tenantId = head.admit()
  const checker = checkers.of(typeof tenantId === 'string' ? tenantId : await tenantId)
  const body = json === '' ? undefined : parsedJson(json)
  return JSON.stringify(await endHold(checker, holdId, verb, body))
}
