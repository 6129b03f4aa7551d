// Errors as a person would say them.

const SAYINGS = {
  Offline: () => "The server does not answer. Is it still running?",
  TokenNeeded: () => "Please sign in again: reload the page.",
  NoFaceError: () => "I cannot find a face in it. Show me where it is: open “Points”.",
  PointsError: () => "Those points lie outside the picture or on top of each other. Please move them.",
  SessionLostError: () => "The live face stopped unexpectedly. Wake it up again.",
  Abandoned: () => "The face went to sleep because nobody was watching.",
  Stopped: () => "The server is restarting. Try again in a moment.",
  Deleted: () => "This face was deleted.",
  Interrupted: () => "The server stopped while this was being made. Please start it again.",
  Timeout: () => "That took too long. Try something shorter or smaller.",
  MissingExtraError: ({ remedy }) => `This server lacks a part for that: ${remedy}.`,
};
const BY_STATUS = {
  413: "That file is too large for this server.",
  507: "The server’s disk is full. Delete some videos or faces and try again.",
};

/** A problem of the server, {type, message, remedy}, in words for people. */
export function say(problem, status) {
  const known = SAYINGS[problem.type];
  if (known) return known(problem);
  if (BY_STATUS[status]) return BY_STATUS[status];
  const plain = problem.message.replace(/^(upload|avatar|speech|offer|text|server|session|render|queue|viewers): /, "");
  const sentence = plain.charAt(0).toUpperCase() + plain.slice(1).replaceAll("`", "");
  return [`${sentence}.`, problem.remedy && `Please ${problem.remedy}.`].filter(Boolean).join(" ");
}
