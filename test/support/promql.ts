// What a PromQL expression asks for: the metrics, with the labels that it selects or groups by. Read by Prometheus's
// own grammar, so that what is no PromQL is an error here as it is there. It evaluates nothing.
import { parser } from '@prometheus-io/lezer-promql';

export interface Selector {
  readonly metric: string;
  readonly matchers: readonly { label: string; op: string; value: string }[];
}

export interface Asked {
  readonly selectors: readonly Selector[];
  /** Of by, without, on, ignoring and group_left. */
  readonly grouping: readonly string[];
}

/** Grafana's words in an expression, as something that the grammar knows. */
function plain(expression: string): string {
  return expression.replaceAll('$__rate_interval', '5m').replaceAll('$__range', '1h');
}

/** @throws Error at what is no PromQL. */
export function readPromql(expression: string): Asked {
  const text = plain(expression);
  const selectors: { metric: string; matchers: { label: string; op: string; value: string }[] }[] = [];
  const grouping: string[] = [];
  parser.parse(text).iterate({
    enter({ name, type, from, to, node }) {
      if (type.isError) throw new Error(`not PromQL at ${from}: ${text}`);
      if (name === 'VectorSelector') {
        const metric = node.getChild('Identifier');
        if (!metric) throw new Error(`a selector without a metric's name: ${text}`);
        selectors.push({ metric: text.slice(metric.from, metric.to), matchers: [] });
      }
      if (name === 'UnquotedLabelMatcher') {
        const [label, op, value] = ['LabelName', 'MatchOp', 'StringLiteral'].map((part) => {
          const child = node.getChild(part);
          return child === null ? '' : text.slice(child.from, child.to);
        });
        selectors.at(-1)?.matchers.push({ label, op, value: value.slice(1, -1) });
      }
      if (name === 'LabelName' && node.parent?.name === 'GroupingLabels') grouping.push(text.slice(from, to));
    },
  });
  if (selectors.length === 0) throw new Error(`no metric in: ${text}`);
  return { selectors, grouping };
}

/** A scrape: each metric with its labels and their values. Names without a line have no labels. */
export function readExposition(text: string): Map<string, Map<string, Set<string>>> {
  const metrics = new Map<string, Map<string, Set<string>>>();
  for (const line of text.split('\n')) {
    const [, declared] = /^# TYPE (\w+) (?:counter|gauge|summary)$/.exec(line) ?? [];
    const [, named, labels = ''] = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    const name = declared ?? named;
    if (name === undefined) continue;
    const known = metrics.get(name) ?? new Map<string, Set<string>>();
    metrics.set(name, known);
    for (const [, label, value] of labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      known.set(label, (known.get(label) ?? new Set()).add(value));
    }
  }
  return metrics;
}
