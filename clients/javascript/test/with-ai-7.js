/** `node --import ./test/with-ai-7.js`: what asks for `ai` and `@ai-sdk/react` gets their version 7. */

import { register } from "node:module";

const hooks = `
  const named = { "@ai-sdk/react": "ai-sdk-react-7", ai: "ai-7", "ai/test": "ai-7/test" };
  export const resolve = (specifier, context, next) => next(named[specifier] ?? specifier, context);
`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
process.env.AI_VERSION = "7";
