/** Who the reader is: said here and kept in this tab only, or known to the platform. */

import { ask, field } from "./dialogs.js";
import { button, h } from "./dom.js";

const NAME = "parley.identity";
const USER_ID = "(?=.*\\S)[^\\/\\\\?#\\p{Cc}]+"; // as the API has it, with something to see

/** Whether App Service Authentication says who it is. */
export const isSignedIn = document.querySelector('meta[name="identity"]').content === "easyauth";

/** Returns `{userId, functionKey}` as far as they are known, null where somebody has to be asked. */
export function known() {
  if (isSignedIn) return {};
  try {
    return JSON.parse(sessionStorage.getItem(NAME));
  } catch {
    return null;
  }
}

export function forget() {
  sessionStorage.clear();
}

const comeBack = () => encodeURIComponent(location.pathname + location.hash);
export const signInAddress = () => `/.auth/login/aad?post_login_redirect_uri=${comeBack()}`;
export const signOutAddress = () => `/.auth/logout?post_logout_redirect_uri=${encodeURIComponent(location.pathname)}`;

/** Returns the page that asks who it is; `fault` says why it asks again. */
export function asking({ fault = null }) {
  const why = fault && h("p", { class: "banner fault", role: "alert" }, fault);
  return h("main", { class: "identity" }, h("h1", {}, "Parley"), why, isSignedIn ? signIn() : form(fault));
}

function signIn() {
  return [h("p", {}, "Sign in to see your conversations."), h("p", {}, h("a", { class: "button primary", href: signInAddress() }, "Sign in"))];
}

function form(fault) {
  const submitted = (event) => {
    event.preventDefault();
    comeAs(Object.fromEntries(new FormData(event.target)));
  };
  return h("form", { onsubmit: submitted }, fields(fault), h("button", { type: "submit", class: "button primary" }, "Go on"));
}

function comeAs({ userId, functionKey }) {
  sessionStorage.setItem(NAME, JSON.stringify({ userId: userId.trim(), ...(functionKey && { functionKey }) }));
  location.reload();
}

function fields(fault) {
  const before = known() ?? {};
  const user = field("Your user id", { name: "userId", required: true, maxlength: 128, pattern: USER_ID, title: "No / \\ ? or # in it, please.", value: before.userId ?? "", autofocus: true, autocomplete: "username" }, "Whose conversations to see. On your own machine any name will do.");
  const hint = "Only where Parley asks for one. Whoever has this key can read, change and erase every user's conversations: use it on a machine of your own. It is kept in this tab until you close it, and sent to this server only.";
  const key = field("Function key", { name: "functionKey", type: "password", pattern: "[!-~]+", title: "Letters, digits and signs, as Azure shows it.", value: before.functionKey ?? "", autocomplete: "off" }, hint);
  const more = h("details", { open: Boolean(before.functionKey || fault) }, h("summary", {}, "Function key"), key);
  return [user, more];
}

/** Returns what the foot of the list says of the reader, and the way out. */
export function whoami({ userId }) {
  if (isSignedIn) return h("a", { class: "button", href: signOutAddress(), onclick: forget }, "Sign out");
  return [h("span", { class: "who", title: userId }, h("bdi", {}, userId)), button("Change user", { icon: "key", run: change })];
}

async function change() {
  const said = await ask("Change user", fields(), { says: "Go on" });
  if (said) comeAs(said);
}
