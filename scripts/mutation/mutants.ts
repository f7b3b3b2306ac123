// One small change of a JavaScript text at a time: operators, conditions, numbers, and statements that are left out. Pure.
// Invariant: a mutant differs from the text in one place, and never in imports or strings.
import ts from 'typescript';

export interface Mutant {
  /** Where it differs from the text. */
  readonly offset: number;
  /** The lines that it changes, without the space around them. */
  readonly before: string;
  readonly after: string;
  readonly text: string;
}

const K = ts.SyntaxKind;
const OPERATORS: Readonly<Record<number, readonly string[]>> = {
  [K.LessThanToken]: ['<=', '>='],
  [K.LessThanEqualsToken]: ['<', '>'],
  [K.GreaterThanToken]: ['>=', '<='],
  [K.GreaterThanEqualsToken]: ['>', '<'],
  [K.EqualsEqualsEqualsToken]: ['!=='],
  [K.ExclamationEqualsEqualsToken]: ['==='],
  [K.AmpersandAmpersandToken]: ['||'],
  [K.BarBarToken]: ['&&'],
  [K.PlusToken]: ['-'],
  [K.MinusToken]: ['+'],
  [K.AsteriskToken]: ['/'],
  [K.SlashToken]: ['*'],
  [K.PlusEqualsToken]: ['-='],
  [K.MinusEqualsToken]: ['+='],
  [K.AmpersandToken]: ['|'],
  [K.BarToken]: ['&'],
};

/** All that can be made of a text, in its order. */
export function mutantsOf(text: string): Mutant[] {
  const source = ts.createSourceFile('mutant.js', text, ts.ScriptTarget.Latest, true);
  const mutants: Mutant[] = [];
  const change = (node: ts.Node, to: string): void => {
    const [start, end] = [node.getStart(source), node.getEnd()];
    const changed = text.slice(0, start) + to + text.slice(end);
    const first = text.lastIndexOf('\n', start - 1) + 1;
    const last = text.indexOf('\n', end);
    const rest = last < 0 ? '' : text.slice(last);
    mutants.push({
      offset: start,
      before: squeezed(text.slice(first, last < 0 ? undefined : last)),
      after: squeezed(changed.slice(first, changed.length - rest.length)),
      text: changed,
    });
  };
  const visit = (node: ts.Node): void => {
    // `void 0` is how esbuild writes undefined: no other number makes a difference there.
    if (ts.isImportDeclaration(node) || ts.isThrowStatement(node) || ts.isVoidExpression(node)) return;
    if (ts.isBinaryExpression(node))
      for (const to of OPERATORS[node.operatorToken.kind] ?? []) change(node.operatorToken, to);
    if (ts.isIfStatement(node) || ts.isWhileStatement(node)) negate(node.expression);
    if (ts.isConditionalExpression(node)) negate(node.condition);
    if (ts.isNumericLiteral(node)) change(node, `(${node.getText(source)} ${endsAList(node) ? '-' : '+'} 1)`);
    if (node.kind === K.TrueKeyword) change(node, 'false');
    if (node.kind === K.FalseKeyword) change(node, 'true');
    if (ts.isExpressionStatement(node)) change(node, ';');
    if (ts.isPostfixUnaryExpression(node))
      change(node, `${node.operand.getText(source)}${node.operator === K.PlusPlusToken ? '--' : '++'}`);
    ts.forEachChild(node, visit);
  };
  const negate = (condition: ts.Expression): void => change(condition, `!(${condition.getText(source)})`);
  visit(source);
  return mutants;
}

/** Whether it is the last of names for 0, 1, 2 …: one more would only be another number for that name. */
function endsAList(node: ts.NumericLiteral): boolean {
  const list = node.parent.parent;
  if (!ts.isPropertyAssignment(node.parent) || !ts.isObjectLiteralExpression(list)) return false;
  const values = list.properties.map((each) =>
    ts.isPropertyAssignment(each) && ts.isNumericLiteral(each.initializer)
      ? Number(each.initializer.text)
      : -1,
  );
  return (
    values.length > 1 && values.every((value, i) => value === i) && list.properties.at(-1) === node.parent
  );
}

function squeezed(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
