/** Runs a query with the SQL engine over the items of a container, a page at a time. */
import { queryCharge } from './charges.mjs';
import { readClauses, writeClauses } from './clauses.mjs';
import { aggregates, functions, operators, parseQuery, Rows, SqlSyntaxError } from './engine.mjs';
import { badRequest, CosmosError } from './errors.mjs';
import { requireIndexFor } from './indexing.mjs';
import { pageOf } from './pages.mjs';
import { boundsOf, needsPlan, unwrapAggregate } from './plan.mjs';
import { compareValues, valueAt, withoutUndefined } from './values.mjs';

const REMEMBERED = 500;
const prepared = new Map();

const member = (path) => (path.type === 'collection_member_expression'
  ? { ...path, type: 'scalar_member_expression', object: member(path.object) }
  : path.expression);

/** `FROM m IN c.log.messages` where there is no log, or no array: no rows, where the engine would break off. */
function safeIteration(source) {
  if (!source.iteration || source.expression.type !== 'collection_member_expression') return source;
  const slice = {
    type: 'scalar_function_expression', name: { type: 'identifier', name: 'ARRAY_SLICE' },
    arguments: [member(source.expression), { type: 'number_constant', value: 0 }],
  };
  const select = { type: 'select_specification', value: slice };
  return { ...source, expression: { type: 'collection_subquery_expression', expression: { type: 'select_query', select } } };
}

const binary = (operator, left, right) => ({ type: 'scalar_binary_expression', operator, left, right });

/** The tree with what the engine would get wrong for undefined values and mixed types written another way. */
function corrected(node) {
  if (typeof node !== 'object' || node === null) return node;
  if (Array.isArray(node)) return node.map(corrected);
  const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, corrected(value)]));
  if (copy.type === 'scalar_in_expression') {
    return copy.list.map((choice) => binary('=', copy.value, choice)).reduce((a, b) => binary('OR', a, b));
  }
  if (copy.type === 'scalar_between_expression') {
    return binary('AND', binary('>=', copy.value, copy.begin), binary('<=', copy.value, copy.end));
  }
  return copy.type === 'from_source' ? safeIteration(copy) : copy;
}

/** `FROM m IN c.messages` as `FROM c JOIN m IN c.messages`: the same rows, and each still knows its item. */
function rooted(from) {
  if (!from?.source.iteration) return from;
  let root = from.source.expression;
  while (root.type === 'collection_member_expression') root = root.object;
  if (root.type !== 'collection_expression') return from;
  return { ...from, source: { type: 'from_source', expression: root, alias: null }, joins: [from.source, ...(from.joins ?? [])] };
}

/** The `path = value` conditions every row must meet, found without looking into OR and NOT. */
function equalities(condition, root) {
  if (condition?.type !== 'scalar_binary_expression') return [];
  const { operator, left, right } = condition;
  if (operator === 'AND') return [...equalities(left, root), ...equalities(right, root)];
  const keys = operator === '=' ? keysOf(left, root) : undefined;
  const known = right.type === 'parameter_name' || right.type === 'string_constant';
  return keys && known ? [{ keys, right }] : [];
}

function keysOf(path, root) {
  if (path.type === 'identifier') return path.name === root ? [] : undefined;
  if (path.type !== 'scalar_member_expression' || (path.computed && path.property.type !== 'string_constant')) return undefined;
  const parent = keysOf(path.object, root);
  return parent && [...parent, path.computed ? path.property.value : path.property.name];
}

function compile(text) {
  const clauses = readClauses(text);
  const aggregate = unwrapAggregate(clauses.select);
  const parsed = parseQuery(writeClauses(aggregate ? { ...clauses, select: aggregate } : clauses));
  parsed.ast.body.from = rooted(parsed.ast.body.from);
  parsed.ast = corrected(parsed.ast);
  const { from, where } = parsed.ast.body;
  const root = from?.source.alias?.name ?? from?.source.expression.expression?.name;
  // The engine turns a query into the source of a function; this is that function.
  const run = new Function(`"use strict"; return (${parsed.code});`)();
  return { clauses, run, filters: equalities(where?.condition, root), wrap: Boolean(aggregate) };
}

/** A query ready to run; the text of a parametrised query is read once. */
function prepare(text) {
  if (typeof text !== 'string') throw badRequest('The query must be a string.');
  let query = prepared.get(text);
  if (!query) {
    query = compile(text);
    if (prepared.size >= REMEMBERED) prepared.delete(prepared.keys().next().value);
    prepared.set(text, query);
  }
  return query;
}

/** Leaves out items that cannot meet the equalities; the engine judges the rest. */
function narrowed(entries, filters, parameters) {
  const wanted = filters.map(({ keys, right }) => ({ keys, value: right.value ?? parameters[right.name.slice(1)] }))
    .filter(({ value }) => typeof value === 'string');
  return entries.filter(({ document }) => wanted.every(({ keys, value }) => valueAt(document, keys) === value));
}

/** The engine's sorting, checked against the indexing policy as the service does. learn: cosmos-db/nosql/query/order-by */
function sort(policy, rows, ridOf, _composites, ...orders) {
  if (orders.length) requireIndexFor(policy, orders.map(([keys, descending]) => ({ keys: keys.slice(1), descending })));
  return rows.slice().sort((a, b) => {
    for (const [keys, descending] of orders) {
      const order = compareValues(valueAt(a, keys), valueAt(b, keys));
      if (order) return descending ? -order : order;
    }
    return compareValues(ridOf(a), ridOf(b));
  });
}

/** Refuses what a gateway cannot answer over all partitions in one go. */
function checkReach(clauses, { partitioned, crossPartition, ranged }) {
  if (partitioned || ranged) return;
  if (!crossPartition) throw badRequest('Cross partition query is required but disabled.');
  if (needsPlan(clauses)) throw badRequest('The provided cross partition query can not be directly served by the gateway.', 1004);
}

/** One page of results: `{documents, continuation, charge}`. `entries` are the live ones within reach. */
export function runQuery(container, entries, { query, parameters = [] }, options) {
  try {
    const { clauses, run, filters, wrap } = prepare(query);
    checkReach(clauses, options);
    const values = Object.fromEntries(parameters.map(({ name, value }) => [name.slice(1), value]));
    const rows = Rows.from(narrowed(entries, filters, values).map(({ document }) => document));
    const bounds = { ...boundsOf(clauses, parameters), distinct: clauses.distinct, ...options };
    const helpers = {
      ...operators, stripUndefined: withoutUndefined, sort: (...args) => sort(container.properties.indexingPolicy, ...args),
      paginate: (found, _size, _token, ridOf, ...orders) => pageOf(found, { ...bounds, ridOf, orders }),
    };
    const { result, continuation } = run(aggregates, functions, rows, helpers, {}, values);
    const documents = wrap ? result.map((item) => [{ item }]) : result;
    const json = JSON.stringify(documents);
    return { count: documents.length, json, continuation, charge: queryCharge(Buffer.byteLength(json)) };
  } catch (error) {
    if (error instanceof CosmosError) throw error;
    if (error instanceof SqlSyntaxError) throw badRequest(`Syntax error: ${error.message}`);
    throw badRequest(`The SQL engine could not run the query: ${error.message}`);
  }
}
