/*
 * A session may go on for ever, and its name may be used again next year. So one event of it is bounded, in size and
 * in time; the next trace begins the next event.
 */

/** Traces of one event of a session. */
export const SESSION_TRACES_MAX = 200
/** Spans with usage of one event of a session; a trace that is larger has one of its own. */
export const SESSION_SPANS_MAX = 20_000
/** How far from the time of the event a trace may begin: the event is billed in the period of its time. */
export const SESSION_APART_MS_MAX = 24 * 3_600_000
