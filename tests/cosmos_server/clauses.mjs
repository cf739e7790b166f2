/** Takes a query's text apart at its outermost keywords. The SQL engine keeps no positions, and lacks three clauses. */
import { badRequest } from './errors.mjs';
import { tokenise } from './lexer.mjs';

const OPENING = new Set(['(', '[', '{']);
const CLOSING = new Set([')', ']', '}']);
const CLAUSES = ['SELECT', 'FROM', 'WHERE', 'GROUP', 'ORDER', 'OFFSET', 'LIMIT'];

/** Calls `visit` with every token outside of brackets. */
function outermost(text, visit) {
  let depth = 0;
  const tokens = tokenise(text);
  tokens.forEach((token, i) => {
    if (token.kind === 'symbol' && CLOSING.has(token.text)) depth -= 1;
    if (depth === 0) visit(token, tokens[i - 1]);
    if (token.kind === 'symbol' && OPENING.has(token.text)) depth += 1;
  });
}

/** The parts between outermost commas. */
export function splitList(text) {
  const cuts = [0];
  outermost(text, (token) => { if (token.text === ',') cuts.push(token.start, token.end); });
  cuts.push(text.length);
  return Array.from({ length: cuts.length / 2 }, (_, i) => text.slice(cuts[2 * i], cuts[2 * i + 1]).trim());
}

function sections(text) {
  const starts = [];
  outermost(text, (token, previous) => {
    if (CLAUSES.includes(token.upper) && previous?.text !== '.') starts.push(token);
  });
  const places = starts.map((token) => CLAUSES.indexOf(token.upper));
  if (places.some((place, i) => i > 0 && place <= places[i - 1])) throw badRequest('Syntax error: the clauses are out of order.');
  return starts.map((token, i) => [token.upper, text.slice(token.end, starts[i + 1]?.start).trim()]);
}

/** The clauses of a query: `select, from, where, orderBy, top, offset, limit, distinct, value`; each is text or undefined. */
export function readClauses(text) {
  const found = Object.fromEntries(sections(text));
  if (found.SELECT === undefined) throw badRequest('Syntax error: a query starts with SELECT.');
  if (found.GROUP !== undefined) throw badRequest('GROUP BY is not supported by this test server.');
  if ((found.OFFSET === undefined) !== (found.LIMIT === undefined)) throw badRequest('Syntax error: OFFSET and LIMIT go together.');
  const [, distinct, top, value, select] =
    /^(DISTINCT\s+)?(?:TOP\s+(@?\w+)\s+)?(VALUE\b\s*)?(.*)$/is.exec(found.SELECT);
  return {
    select, distinct: Boolean(distinct), value: Boolean(value), top, from: found.FROM, where: found.WHERE,
    orderBy: found.ORDER?.replace(/^BY\s+/i, ''), offset: found.OFFSET, limit: found.LIMIT,
  };
}

/** The text of a query made of these clauses, as the SQL engine reads it: without DISTINCT, TOP, OFFSET and LIMIT. */
export function writeClauses({ select, value, from, where, orderBy }) {
  const rest = Object.entries({ FROM: from, WHERE: where, 'ORDER BY': orderBy }).filter(([, text]) => text !== undefined);
  return [`SELECT ${value ? 'VALUE ' : ''}${select}`, ...rest.map(([name, text]) => `${name} ${text}`)].join(' ');
}
