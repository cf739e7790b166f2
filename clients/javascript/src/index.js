/** Speaks to Parley, a memory for chat applications. */

export { answerOf } from "./answers.js";
export { ParleyError } from "./errors.js";
export { newId } from "./ids.js";
export { Parley } from "./parley.js";
