/** What TypeScript sees of the package. */

export * from "./index.js";
export type * from "./types.js";
