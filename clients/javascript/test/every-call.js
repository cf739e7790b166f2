/** Each method of the client once, for what has to hold for all of them. */

/** @import { Parley } from "parley-client" */

/**
 * Returns a call of every method, on session `s`, message `m`, link `h` and token `t`.
 *
 * @param {Parley} parley
 * @returns {(() => Promise<unknown>)[]}
 */
export function everyCall(parley) {
  const message = { role: /** @type {const} */ ("user"), content: "Hello" };
  return [
    () => parley.createSession(),
    () => parley.listSessions(),
    () => parley.sessions().next(),
    () => parley.getSession("s"),
    () => parley.updateSession("s", {}),
    () => parley.deleteSession("s"),
    () => parley.archiveSession("s"),
    () => parley.restoreSession("s"),
    () => parley.sessionStats("s"),
    () => parley.exportSession("s").next(),
    () => parley.forkSession("s"),
    () => parley.createShare("s"),
    () => parley.listShares("s"),
    () => parley.revokeShare("s", "h"),
    () => parley.viewShare("t"),
    () => parley.appendMessages("s", message),
    () => parley.appendAnywhere(message),
    () => parley.listMessages("s"),
    () => parley.messages("s").next(),
    () => parley.getMessage("s", "m"),
    () => parley.updateMessage("s", "m", {}),
    () => parley.redactMessage("s", "m"),
    () => parley.replaceMessage("s", "m", message),
    () => parley.replaceTail("s", 0, []),
    () => parley.clearMessages("s"),
    () => parley.takeTurn("s").next(),
    () => parley.takeTurn(null, message).next(),
    () => parley.joinTurn("s", "m").next(),
    () => parley.getTurn("s", "m"),
    () => parley.stopTurn("s", "m"),
    () => parley.regenerate("s", "m").next(),
    () => parley.search("x"),
    () => parley.searchAll("x").next(),
    () => parley.stats(),
    () => parley.exportOwner().next(),
    () => parley.eraseAll(),
    () => parley.health(),
  ];
}
