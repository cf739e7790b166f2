/**
 * The condition of a Patch: `FROM c WHERE ...`, read once and judged on one item.
 * Own reader, because the engine's needs milliseconds for a text that differs at every call; the operators
 * and functions are the engine's own, so a predicate means what the same WHERE means in a query.
 * Grammar and precedence: learn: cosmos-db/nosql/query/scalar-expressions and the public SQL grammar, in which
 * NOT binds like a minus sign: `NOT c.a = 1` is `(NOT c.a) = 1`.
 */
import { functions, operators } from './engine.mjs';
import { badRequest } from './errors.mjs';
import { tokenise, unquote } from './lexer.mjs';

const PRECEDENCE = {
  '??': 1, '?': 1, OR: 2, AND: 3, IN: 4, NOT: 4, BETWEEN: 4, '||': 5, '|': 6, '^': 7, '&': 8, '=': 9, '!=': 9, '<>': 9,
  '<': 10, '>': 10, '<=': 10, '>=': 10, '<<': 11, '>>': 11, '>>>': 11, '+': 12, '-': 12, '*': 13, '/': 13, '%': 13,
};
const CONSTANTS = { TRUE: true, FALSE: false, NULL: null, UNDEFINED: undefined };
const RESERVED = new Set([
  'AND', 'OR', 'NOT', 'IN', 'BETWEEN', 'SELECT', 'FROM', 'WHERE', 'ORDER', 'GROUP', 'LIKE', 'EXISTS', 'VALUE', 'TOP', 'JOIN', 'AS',
]);

const own = (value, key) =>
  (typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? value[key] : undefined);

function binary(operator, left, right) {
  if (operator === 'AND') return (item) => operators.and(left(item), right(item));
  if (operator === 'OR') return (item) => operators.or(left(item), right(item));
  if (operator === '=') return (item) => operators.equal(left(item), right(item));
  if (operator === '!=' || operator === '<>') return (item) => operators.notEqual(left(item), right(item));
  if (operator === '||') return (item) => operators.concat(left(item), right(item));
  if (operator === '??') return (item) => { const value = left(item); return value === undefined ? right(item) : value; };
  if (PRECEDENCE[operator] === 10) return (item) => operators.compare(operator, left(item), right(item));
  return (item) => operators.calculate(operator, left(item), right(item));
}

class Reader {
  constructor(text) {
    this.tokens = tokenise(text);
    this.position = 0;
  }

  get next() {
    return this.tokens[this.position];
  }

  fail() {
    const near = this.next ? `near '${this.next.text}'` : 'at the end';
    return badRequest(`Syntax error in the condition, incorrect syntax ${near}.`);
  }

  accept(upper) {
    if (this.next?.upper !== upper || this.next.kind === 'string') return false;
    this.position += 1;
    return true;
  }

  expect(upper) {
    if (!this.accept(upper)) throw this.fail();
  }

  name() {
    if (this.next?.kind !== 'word' || RESERVED.has(this.next.upper)) throw this.fail();
    return this.tokens[this.position++].text;
  }

  condition() {
    this.expect('FROM');
    this.root = this.name();
    if (this.next?.kind === 'word' && this.next.upper !== 'WHERE') {
      this.accept('AS');
      this.root = this.name();
    }
    this.expect('WHERE');
    const test = this.expression(0);
    if (this.next) throw this.fail();
    return test;
  }

  expression(floor) {
    let left = this.unary();
    while (this.next && this.next.kind !== 'string' && PRECEDENCE[this.next.upper] > floor) {
      const operator = this.tokens[this.position++].upper;
      left = this.infix(operator, left);
    }
    return left;
  }

  infix(operator, left) {
    if (operator === 'NOT') {
      if (!['IN', 'BETWEEN'].includes(this.next?.upper)) throw this.fail();
      const positive = this.infix(this.tokens[this.position++].upper, left);
      return (item) => operators.not(positive(item));
    }
    if (operator === 'IN') return this.membership(left);
    if (operator === 'BETWEEN') return this.range(left);
    if (operator === '?') return this.choice(left);
    return binary(operator, left, this.expression(PRECEDENCE[operator]));
  }

  membership(left) {
    this.expect('(');
    const choices = this.list(')');
    if (!choices.length) throw this.fail();
    return choices.map((choice) => binary('=', left, choice)).reduce((a, b) => binary('OR', a, b));
  }

  range(left) {
    const low = this.expression(PRECEDENCE.BETWEEN);
    this.expect('AND');
    const high = this.expression(PRECEDENCE.BETWEEN);
    return binary('AND', binary('>=', left, low), binary('<=', left, high));
  }

  choice(test) {
    const yes = this.expression(0);
    this.expect(':');
    const no = this.expression(0);
    return (item) => (test(item) === true ? yes(item) : no(item));
  }

  unary() {
    if (this.accept('NOT')) {
      const operand = this.unary();
      return (item) => operators.not(operand(item));
    }
    for (const sign of ['-', '+', '~']) {
      if (!this.accept(sign)) continue;
      const operand = this.unary();
      return (item) => operators.calculateUnary(sign, operand(item));
    }
    return this.path(this.primary());
  }

  path(object) {
    for (;;) {
      const parent = object;
      if (this.accept('.')) {
        const key = this.name();
        object = (item) => own(parent(item), key);
      } else if (this.accept('[')) {
        const key = this.expression(0);
        this.expect(']');
        object = (item) => own(parent(item), key(item));
      } else return object;
    }
  }

  primary() {
    const token = this.next;
    if (!token) throw this.fail();
    if (this.accept('(')) {
      const inner = this.expression(0);
      this.expect(')');
      return inner;
    }
    if (this.accept('[')) {
      const elements = this.list(']');
      return (item) => elements.map((element) => element(item));
    }
    if (this.accept('{')) return this.object();
    this.position += 1;
    if (token.kind === 'number') return () => Number(token.text);
    if (token.kind === 'string') { const text = unquote(token.text); return () => text; }
    if (token.kind === 'word' && !RESERVED.has(token.upper)) return this.word(token);
    this.position -= 1;
    throw this.fail();
  }

  word(token) {
    if (this.accept('(')) return this.call(token.upper, this.list(')'));
    if (token.upper in CONSTANTS) return () => CONSTANTS[token.upper];
    if (token.text === this.root) return (item) => item;
    throw badRequest(`Identifier '${token.text}' could not be resolved.`);
  }

  call(name, args) {
    if (!Object.hasOwn(functions, name)) throw badRequest(`'${name}' is not a recognized built-in function name.`);
    return (item) => functions[name](...args.map((arg) => arg(item)));
  }

  object() {
    const members = [];
    while (!this.accept('}')) {
      if (members.length) this.expect(',');
      const key = this.next?.kind === 'string' ? unquote(this.tokens[this.position++].text) : this.name();
      this.expect(':');
      members.push([key, this.expression(0)]);
    }
    return (item) => Object.fromEntries(members.map(([key, value]) => [key, value(item)]));
  }

  list(end) {
    const values = [];
    while (!this.accept(end)) {
      if (values.length) this.expect(',');
      values.push(this.expression(0));
    }
    return values;
  }
}

/** A test of one item, true only when the condition is true: undefined is not. Throws 400 on what it cannot read. */
export function readCondition(text) {
  if (typeof text !== 'string') throw badRequest('The condition must be a string.');
  const test = new Reader(text).condition();
  return (item) => {
    try {
      return test(item) === true;
    } catch (error) {
      // A function of the engine refuses its arguments.
      throw badRequest(`The condition cannot be evaluated: ${error.message}`);
    }
  };
}
