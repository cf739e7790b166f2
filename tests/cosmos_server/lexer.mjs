/** Splits SQL text into tokens that know where they stand. */
import { badRequest } from './errors.mjs';

const TOKEN = new RegExp([
  /(?<space>(?:\s|--[^\n]*)+)/,
  /(?<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)/,
  /(?<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')/,
  /(?<parameter>@\w+)/,
  /(?<word>[A-Za-z_]\w*)/,
  /(?<symbol><<|>>>?|<=|>=|<>|!=|\|\||\?\?|[-+*\/%=<>?:.,()[\]{}|&^~])/,
].map((part) => part.source).join('|'), 'sy');

const ESCAPES = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** The text a string literal stands for. learn: cosmos-db/nosql/query/constants */
export function unquote(literal) {
  return literal.slice(1, -1).replace(/\\(?:u([0-9a-fA-F]{4})|(.))/gs, (_, code, sign) =>
    code ? String.fromCharCode(parseInt(code, 16)) : ESCAPES[sign] ?? sign);
}

/** The tokens of the text: `kind` (number, string, parameter, word, symbol), `text`, `upper`, `start`, `end`. */
export function tokenise(text) {
  const tokens = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const start = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (!match) throw badRequest(`Syntax error, invalid token at position ${start}.`);
    const { space, number, string, parameter, word } = match.groups;
    if (space !== undefined) continue;
    const kind = number !== undefined ? 'number' : string !== undefined ? 'string'
      : parameter !== undefined ? 'parameter' : word !== undefined ? 'word' : 'symbol';
    tokens.push({ kind, text: match[0], upper: kind === 'word' ? match[0].toUpperCase() : match[0], start, end: TOKEN.lastIndex });
  }
  return tokens;
}
