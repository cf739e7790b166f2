/** What is being written and was not sent: kept in this tab for each user and session. */

const NAME = "parley.draft/";
const keyOf = (userId, sessionId) => `${NAME}${userId}/${sessionId}`; // neither has a slash in it

export function draftOf(userId, sessionId) {
  return sessionStorage.getItem(keyOf(userId, sessionId)) ?? "";
}

/** Keeps what is written; nothing of it where it is empty. */
export function keepDraft(userId, sessionId, text) {
  const key = keyOf(userId, sessionId);
  sessionStorage.removeItem(key);
  try {
    if (text) sessionStorage.setItem(key, text);
  } catch {
    // too large to keep beyond this page
  }
}

export function forgetDrafts() {
  for (const key of Object.keys(sessionStorage)) if (key.startsWith(NAME)) sessionStorage.removeItem(key);
}
