/** The window and the document that React looks for when it is imported; everything else stays Node's own. */

import { Window } from "happy-dom";

export const window = new Window();
Object.assign(globalThis, { window, document: window.document });
if (!globalThis.navigator) Object.assign(globalThis, { navigator: window.navigator }); // Node has one from 21 on
