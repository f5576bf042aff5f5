/**
 * The version of the rules by which journal rows become calls, tools and anomalies: within a trace, across traces and
 * within a session. Raised by one where a change of them makes a trace come to something else; a test over the
 * conformance suite says when. A trace knows the version it was cut with, and `aforo recut` cuts those of older ones.
 */
export const ASSEMBLY_RULES = 3
