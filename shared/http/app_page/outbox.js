/**
 * What was said and is not known to be stored, kept in this tab until it is: a message is sent again under its own id,
 * so that it is stored once however often that is.
 */

const NAME = "parley.outbox";

function all() {
  try {
    return JSON.parse(sessionStorage.getItem(NAME) ?? "[]");
  } catch {
    return [];
  }
}

function keep(entries) {
  try {
    sessionStorage.setItem(NAME, JSON.stringify(entries));
  } catch {
    // too large to keep beyond this page; what is shown is still there
  }
}

/** Returns the messages of a user's session that wait. */
export function waiting(userId, sessionId) {
  const own = all().filter((entry) => entry.userId === userId && entry.sessionId === sessionId);
  return own.map(({ message }) => message);
}

export function put(userId, sessionId, message) {
  keep([...all().filter((entry) => entry.message.id !== message.id), { userId, sessionId, message }]);
}

export function drop(messageId) {
  keep(all().filter((entry) => entry.message.id !== messageId));
}

export function forgetAll() {
  sessionStorage.removeItem(NAME);
}
