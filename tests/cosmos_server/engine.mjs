/**
 * The SQL engine of npm @zeit/cosmosdb-query: its parser, its operators, its functions, its code generator.
 * Nothing of it is changed on disk. What is put right as it is loaded is told below, piece by piece.
 */
import { readFileSync } from 'node:fs';
import { createRequire, Module } from 'node:module';

const require = createRequire(import.meta.url);

/**
 * The published parser tries every alternative again at every level: six nested parentheses take minutes.
 * Remembering what each rule found at each position gives the same tree (pegjs calls it `--cache`).
 */
function memoised(source) {
  return source
    .replace(/function peg\$parse(?!\()(\w+)\(\) \{/g, (_, rule) =>
      `function peg$parse${rule}() { return peg$remember("${rule}", peg$once${rule}); } function peg$once${rule}() {`)
    .replace('var peg$FAILED = {},', `
      var peg$found = new Map();
      function peg$remember(rule, parse) {
        var key = rule + "@" + peg$currPos, hit = peg$found.get(key);
        if (hit) { peg$currPos = hit[0]; return hit[1]; }
        var result = parse();
        peg$found.set(key, [peg$currPos, result]);
        return result;
      }
      var peg$FAILED = {},`);
}

function loadParserMemoised() {
  const path = require.resolve('@zeit/cosmosdb-query/lib/parser.js');
  const module = new Module(path);
  module.filename = path;
  module.loaded = true;
  require.cache[path] = module;
  module._compile(memoised(readFileSync(path, 'utf8')), path);
  return module.exports;
}

export const { SyntaxError: SqlSyntaxError } = loadParserMemoised();
export const { default: parseQuery } = require('@zeit/cosmosdb-query');
const published = require('@zeit/cosmosdb-query/lib/helpers.js');
export const aggregates = require('@zeit/cosmosdb-query/lib/aggregate-functions.js');

const kindOf = (value) => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value);

/**
 * The operators of the SQL engine, except that comparing two types gives undefined, not false or true,
 * and so does `!=` between objects or arrays. learn: cosmos-db/nosql/query/equality-comparison-operators
 */
export const operators = {
  ...published,
  equal: (a, b) => (kindOf(a) === kindOf(b) ? published.equal(a, b) : undefined),
  notEqual: (a, b) => (kindOf(a) === kindOf(b) && (a === null || typeof a !== 'object') ? published.notEqual(a, b) : undefined),
};

/** Text functions take an optional third argument, true to ignore case; the engine knows two arguments. */
function ignoringCase(test) {
  return (text, part, ignoreCase = false) => {
    if (typeof text !== 'string' || typeof part !== 'string' || typeof ignoreCase !== 'boolean') return undefined;
    return ignoreCase ? test(text.toLowerCase(), part.toLowerCase()) : test(text, part);
  };
}

/** The functions of the SQL engine, with what Microsoft documents and the engine lacks. */
export const functions = {
  ...require('@zeit/cosmosdb-query/lib/builtin-functions.js'),
  // learn: cosmos-db/nosql/query/contains, startswith, endswith, stringequals
  CONTAINS: ignoringCase((text, part) => text.includes(part)),
  STARTSWITH: ignoringCase((text, part) => text.startsWith(part)),
  ENDSWITH: ignoringCase((text, part) => text.endsWith(part)),
  STRINGEQUALS: ignoringCase((text, other) => text === other),
  // learn: cosmos-db/nosql/query/array-slice (a negative start counts from the end, as does a start before it)
  ARRAY_SLICE(array, start, length) {
    if (!Array.isArray(array) || typeof start !== 'number') return undefined;
    const from = start < 0 ? Math.max(array.length + start, 0) : start;
    return array.slice(from, length === undefined ? undefined : from + Math.max(length, 0));
  },
};

/**
 * Rows the engine folds over. It folds by copying all earlier rows for each new one, so the time grows with
 * the square of the rows; handing each step an empty list and joining what comes back gives the same rows.
 */
export class Rows extends Array {
  reduce(step, ...initial) {
    if (!Array.isArray(initial[0])) return Array.from(this).reduce(step, ...initial);
    const rows = new Rows();
    for (const item of this) for (const row of step([], item)) rows.push(row);
    return rows;
  }
}
