/**
 * The query plan the SDK asks for before it runs a query over all partitions: what the service would leave to
 * the client (order, top, offset, aggregates) and the query each range is to be asked instead.
 * Its shape is the one azure-cosmos reads (azure/cosmos/_execution_context/query_execution_info.py).
 */
import { badRequest } from './errors.mjs';
import { readClauses, splitList, writeClauses } from './clauses.mjs';

const AGGREGATE = /^(COUNT|SUM|MIN|MAX|AVG)\s*\(/i;
const NAMES = { COUNT: 'Count', SUM: 'Sum', MIN: 'Min', MAX: 'Max' };
const DIRECTION = /\s+(ASC|DESC)$/i;

/** Whether the service refuses to answer this query over all partitions without a plan. */
export function needsPlan(clauses) {
  return clauses.distinct || AGGREGATE.test(clauses.select)
    || [clauses.top, clauses.orderBy, clauses.offset, clauses.limit].some((part) => part !== undefined);
}

function numberOf(text, parameters) {
  if (text === undefined) return undefined;
  const number = text.startsWith('@') ? parameters.find(({ name }) => name === text)?.value : Number(text);
  if (!Number.isInteger(number) || number < 0) throw badRequest(`'${text}' must be a whole number.`);
  return number;
}

/** TOP, OFFSET and LIMIT as numbers: how many rows to pass over, and how many to give at most. */
export function boundsOf({ top, offset, limit }, parameters) {
  const most = [top, limit].map((text) => numberOf(text, parameters)).filter((n) => n !== undefined);
  return { offset: numberOf(offset, parameters) ?? 0, limit: most.length ? Math.min(...most) : undefined };
}

/** The name the query gives to an item: `FROM c`, `FROM root r`, `FROM c JOIN m IN c.messages`. */
function rootOf({ from = '' }) {
  const [, name, alias] = /^(\w+)(?:\s+(?:AS\s+)?(?!(?:JOIN|IN)\b)(\w+))?/i.exec(from) ?? [];
  if (!name) throw badRequest('A query over all partitions needs FROM.');
  return alias ?? name;
}

/** What one row is, as an expression: `*` is the item itself, a list becomes an object. */
function payload({ select, value, from }) {
  if (select === '*') return rootOf({ from });
  if (value) return select;
  const members = splitList(select).map((part, i) => {
    const [, expression, alias] = /^(.*?)(?:\s+AS\s+(\w+))?$/is.exec(part);
    const last = /(?:\.|^)(\w+)$/.exec(expression)?.[1];
    return `"${alias ?? last ?? `$${i + 1}`}": ${expression}`;
  });
  return `{${members.join(', ')}}`;
}

function ordered(clauses) {
  const items = splitList(clauses.orderBy);
  const values = items.map((item) => `{"item": ${item.replace(DIRECTION, '')}}`);
  const root = rootOf(clauses);
  return {
    orderBy: items.map((item) => (/DESC$/i.test(DIRECTION.exec(item)?.[1] ?? '') ? 'Descending' : 'Ascending')),
    orderByExpressions: items.map((item) => item.replace(DIRECTION, '')),
    select: `${root}._rid, [${values.join(', ')}] AS orderByItems, ${payload(clauses)} AS payload`,
  };
}

/** The rewritten aggregate, and back: the SDK wants `[{"item": n}]` for each row. */
export const wrapAggregate = (select) => `[{"item": ${select}}]`;
export const unwrapAggregate = (select) => /^\[\{"item": ((?:COUNT|SUM|MIN|MAX)\s*\(.*\))\}\]$/is.exec(select)?.[1];

/** The plan of a query. */
export function planQuery({ query, parameters = [] }) {
  const clauses = readClauses(query);
  const [, aggregate] = AGGREGATE.exec(clauses.select) ?? [];
  const order = clauses.orderBy === undefined ? undefined : ordered(clauses);
  const { offset, limit } = boundsOf(clauses, parameters);
  if (aggregate?.toUpperCase() === 'AVG') throw badRequest('AVG over all partitions is not supported by this test server.');
  const rewritten = {
    ...clauses, ...(order && { select: order.select, value: false }), ...(aggregate && { select: wrapAggregate(clauses.select) }),
  };
  const bound = limit === undefined ? '' : ` OFFSET 0 LIMIT ${offset + limit}`;
  const queryInfo = {
    distinctType: clauses.distinct ? (order ? 'Ordered' : 'Unordered') : 'None',
    top: clauses.top === undefined ? null : limit, offset: clauses.offset === undefined ? null : offset,
    limit: clauses.limit === undefined ? null : limit, orderBy: order?.orderBy ?? [],
    orderByExpressions: order?.orderByExpressions ?? [], groupByExpressions: [], groupByAliases: [],
    aggregates: aggregate ? [NAMES[aggregate.toUpperCase()]] : [], groupByAliasToAggregateType: {},
    rewrittenQuery: writeClauses(rewritten) + bound, hasSelectValue: clauses.value, hasNonStreamingOrderBy: false,
  };
  const queryRanges = [{ min: '', max: 'FF', isMinInclusive: true, isMaxInclusive: false }];
  return { partitionedQueryExecutionInfoVersion: 2, queryInfo, queryRanges };
}
