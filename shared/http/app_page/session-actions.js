/** What can be done with a whole session. */

import { agrees, ask, choice, field, menuButton, show } from "./dialogs.js";
import { button, copy, h, notice, save } from "./dom.js";
import { explain, wholeTime } from "./words.js";

const FORMATS = [
  ["markdown", "Markdown, to read", "md", "text/markdown"],
  ["json", "JSON, everything", "json", "application/json"],
  ["ndjson", "Lines of JSON, everything", "ndjson", "application/x-ndjson"],
  ["openai", "JSON, as a model takes it", "openai.json", "application/json"],
];
const MOST_TAGS = 16;
const TAG_CHARACTERS = 64;
const TERMS = [["", "never"], ["3600", "in an hour"], ["86400", "in a day"], ["604800", "in a week"], ["2592000", "in 30 days"]];

/** Returns the button with the menu of a session; `changed` is called after a change. */
export function sessionMenu(app, session, { changed }) {
  const { parley } = app;
  const isArchived = session.status === "archived";

  async function attempt(task, said) {
    try {
      await task();
      if (said) notice(said);
    } catch (error) {
      notice(explain(error), { fault: true });
    }
    app.told(session.id);
    await changed();
    app.sessions.refresh();
  }

  const items = () => [
    { label: "Rename", icon: "edit", run: rename },
    { label: "Tags", icon: "tag", run: tag },
    { label: session.pinned ? "Unpin" : "Pin: keep it for ever", icon: "pin", run: () => attempt(() => parley.updateSession(session.id, { pinned: !session.pinned })) },
    { label: isArchived ? "Restore" : "Archive", icon: "archive", run: () => attempt(() => (isArchived ? parley.restoreSession(session.id) : parley.archiveSession(session.id)), isArchived ? "Restored." : "Archived.") },
    { label: "Fork", icon: "fork", run: fork },
    { label: "Share", icon: "share", run: () => shareDialog(app, session.id) },
    { label: "Export", icon: "save", run: exported },
    { label: "Delete", icon: "trash", danger: true, run: remove },
  ];

  async function rename() {
    const said = await ask("Rename", [field("Name", { name: "name", maxlength: 200, value: session.session_name ?? "", autofocus: true })], { says: "Save" });
    if (said) await attempt(() => parley.updateSession(session.id, { session_name: said.name.trim() || null }));
  }

  async function tag() {
    const hint = `Divided by commas; at most ${MOST_TAGS}, each of at most ${TAG_CHARACTERS} characters.`;
    const judge = ({ target }) => target.setCustomValidity(areTags(tagsIn(target.value)) ? "" : hint);
    const said = await ask("Tags", [field("Tags", { name: "tags", value: session.tags.join(", "), autofocus: true, oninput: judge }, hint)], { says: "Save" });
    if (said) await attempt(() => parley.updateSession(session.id, { tags: tagsIn(said.tags) }));
  }

  async function fork() {
    await attempt(async () => {
      const made = await parley.forkSession(session.id);
      app.go(`#/s/${made.id}`);
    }, "This is the new conversation, a copy of the other.");
  }

  async function exported() {
    const formats = FORMATS.map(([value, says]) => [value, says]);
    const said = await ask("Export", [choice("As", "format", formats, "markdown")], { says: "Export" });
    if (!said) return;
    const [format, , ending, type] = FORMATS.find(([name]) => name === said.format);
    await attempt(async () => {
      const parts = [];
      for await (const part of parley.exportSession(session.id, { format })) parts.push(part);
      save(parts, `${fileName(session)}.${ending}`, type);
    }, "Exported.");
  }

  async function remove() {
    const text = `“${session.session_name || "Untitled"}” and everything said in it is removed for good.`;
    if (!(await agrees("Delete this conversation?", text, { says: "Delete", danger: true }))) return;
    try {
      await parley.deleteSession(session.id);
    } catch (error) {
      return notice(explain(error), { fault: true });
    }
    app.told(session.id);
    app.sessions.remove(session.id);
    app.go("#/");
    notice("Deleted.");
  }

  return menuButton("More for this conversation", items);
}

const tagsIn = (text) => [...new Set(text.split(",").map((each) => each.trim()).filter(Boolean))];
const areTags = (tags) => tags.length <= MOST_TAGS && tags.every((tag) => [...tag].length <= TAG_CHARACTERS);

/** Returns a file's name made of a session's. */
function fileName({ session_name: name, id }) {
  return (name ?? "").replace(/[^\p{L}\p{N} _-]/gu, "").trim().slice(0, 60) || id;
}

/** Shows the links to a session, makes new ones and revokes them; `upToSeq` is for links that end there. */
export function shareDialog(app, id, upToSeq) {
  const { parley } = app;
  show("Share", async (place) => {
    const made = h("div", { role: "status" });
    const links = h("ul", { class: "links" });
    const note = "Whoever has a link can read the conversation up to what is there now, without an account. Later messages are not shown.";
    const form = h("form", { class: "share", onsubmit: make }, choice("It ends", "term", TERMS, "604800"), h("button", { type: "submit", class: "button primary" }, "Make a link"));
    place.append(h("p", {}, upToSeq ? `${note} This one ends at message ${upToSeq}.` : note), form, made, h("h3", {}, "Links that work"), links);
    await list();

    async function make(event) {
      event.preventDefault();
      const seconds = Number(new FormData(form).get("term")) || undefined;
      try {
        const link = await parley.createShare(id, { expiresInSeconds: seconds, upToSeq });
        const address = new URL(`${app.api}/shared/${link.url.split("/").at(-1)}/view`).href;
        const input = h("input", { readonly: true, value: address, "aria-label": "The new link" });
        made.dataset.share = link.share_id;
        made.replaceChildren(h("p", {}, "This address is shown only now:"), h("p", { class: "made" }, input, button("Copy link", { icon: "copy", run: () => copy(address, "Link copied.") })));
        input.select();
        await list();
      } catch (error) {
        made.replaceChildren(h("p", { class: "fault" }, explain(error)));
      }
    }

    async function list() {
      try {
        const { data } = await parley.listShares(id, { limit: 100 });
        links.replaceChildren(...(data.length ? data.map(row) : [h("li", { class: "note" }, "None.")]));
      } catch (error) {
        links.replaceChildren(h("li", { class: "fault" }, explain(error)));
      }
    }

    function row({ share_id: share, up_to_seq: seq, created_at: begun, expires_at: end }) {
      const text = `Made ${wholeTime(begun)}, up to message ${seq}, ${end ? `ends ${wholeTime(end)}` : "never ends"}`;
      const revoke = async () => {
        try {
          await parley.revokeShare(id, share);
          if (made.dataset.share === share) made.replaceChildren();
        } catch (error) {
          notice(explain(error), { fault: true });
        }
        await list();
        form.querySelector("select").focus();
      };
      return h("li", {}, h("span", {}, text), button("Revoke", { run: revoke }));
    }
  });
}
