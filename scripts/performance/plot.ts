// Draws bars and lines as SVG text. Pure; knows nothing of what is measured.
// Every datum is one element of class "mark" whose <title> says its value. No background, script or outside font: text
// is of a middle grey that reads on white and on black, and series differ by shape as well as by a color that the
// color-blind can tell apart (after Okabe and Ito). Texts are laid out by an estimate of their width, so that none
// overlaps another; of the ticks of an axis, those without room lose their label.

export interface Series {
  readonly name: string;
  /** Which color and shape, from 0: the same for the same thing in every plot. 0 is grey. */
  readonly look: number;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

interface Axis {
  readonly title: string;
  readonly show: (value: number) => string;
}

interface Plot {
  readonly title: string;
  readonly description: string;
  readonly y: Axis & { readonly log?: boolean };
  readonly series: readonly Series[];
}

/** One bar for each point, in groups by x, with its value at its foot. */
export interface BarPlot extends Plot {
  readonly x: Axis;
  /** A value to compare with, drawn as a broken line. */
  readonly reference: { readonly name: string; readonly value: number };
}

export interface LinePlot extends Plot {
  /** `named`: x counts these names from 0, at equal distances. */
  readonly x: Axis & { readonly log?: boolean; readonly named?: readonly string[] };
}

const WIDTH = 760;
const HEIGHT = 400;
const LEFT = 78;
const RIGHT = WIDTH - 24;
const TOP = 68;
const BOTTOM = HEIGHT - 56;
const TEXT = '#7a7a7a';
const COLORS = ['#8c8c8c', '#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9'];
const LETTER = 7;

function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&apos;');
}

const at = (value: number): string => value.toFixed(1).replace(/\.0$/, '');
const color = (look: number): string => COLORS[look % COLORS.length] as string;
const title = (value: string): string => `<title>${escapeXml(value)}</title>`;

function label(x: number, y: number, value: string, more = ''): string {
  return `<text x="${at(x)}" y="${at(y)}"${more}>${escapeXml(value)}</text>`;
}

/** A scale's place for a value, and where its ticks stand. */
interface Scale {
  readonly place: (value: number) => number;
  readonly ticks: readonly number[];
}

/** From 0 to a round number at or above the largest value, in four to eight steps of 1, 2 or 5. */
function linear(values: readonly number[], from: number, to: number): Scale {
  const most = Math.max(...values) || 1;
  const rough = most / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) as number);
  const steps = Math.ceil(most / step);
  return {
    place: (value) => from + ((to - from) * value) / (step * steps),
    ticks: Array.from({ length: steps + 1 }, (_, i) => i * step),
  };
}

/** Whole powers of ten around the values; with few of them, 2 and 5 times each as well. */
function logarithmic(values: readonly number[], from: number, to: number): Scale {
  const least = Math.min(...values);
  if (!(least > 0)) throw new Error(`${least} has no place on a logarithmic axis`);
  const most = Math.max(...values);
  const low = Math.floor(Math.log10(least));
  const high = Math.max(Math.ceil(Math.log10(most)), low + 1);
  const ticks: number[] = [];
  for (let power = low; power <= high; power++) {
    for (const factor of high - low > 2 || power === high ? [1] : [1, 2, 5]) {
      // by division, since 10 ** -3 * 5 is not 0.005
      ticks.push(power < 0 ? factor / 10 ** -power : factor * 10 ** power);
    }
  }
  return { place: (value) => from + ((to - from) * (Math.log10(value) - low)) / (high - low), ticks };
}

/** The x axis of lines: a tick where something was measured, from edge to edge with a little room. */
function across(values: readonly number[], log: boolean): Scale {
  const ticks = [...new Set(values)].sort((a, b) => a - b);
  const on = log ? Math.log10 : (value: number): number => value;
  const least = on(ticks[0] as number);
  const most = on(ticks.at(-1) as number);
  if (!Number.isFinite(least)) throw new Error(`${ticks[0]} has no place on a logarithmic axis`);
  const [from, to] = [LEFT + 30, RIGHT - 30];
  return {
    place: (value) =>
      least === most ? (from + to) / 2 : from + ((to - from) * (on(value) - least)) / (most - least),
    ticks,
  };
}

/** Horizontal lines with their labels, and the title of the axis. */
function drawY(axis: Axis, scale: Scale): string[] {
  const middle = (TOP + BOTTOM) / 2;
  return [
    ...scale.ticks.map((tick) => {
      const y = scale.place(tick);
      const line = `<path class="grid" d="M${LEFT} ${at(y)}H${RIGHT}"/>`;
      return line + label(LEFT - 8, y + 4, axis.show(tick), ' text-anchor="end"');
    }),
    label(16, middle, axis.title, ` text-anchor="middle" transform="rotate(-90 16 ${at(middle)})"`),
  ];
}

/** Labels below, from left to right, without those that would touch the one before. */
function drawX(axisTitle: string, ticks: readonly { readonly x: number; readonly text: string }[]): string[] {
  let free = 0;
  const labels = ticks.map(({ x, text }) => {
    const half = (text.length * LETTER) / 2;
    if (x - half < free) return '';
    free = x + half + LETTER;
    return label(x, BOTTOM + 18, text, ' text-anchor="middle"');
  });
  return [...labels, label((LEFT + RIGHT) / 2, BOTTOM + 40, axisTitle, ' text-anchor="middle"')];
}

/** A mark of a look at a place. */
function shape(look: number, x: number, y: number, inside: string): string {
  const paths = [
    'm-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z',
    'm-4.5-4.5h9v9h-9z',
    'm0-6l6 6-6 6-6-6z',
    'm0-6l5.5 10h-11z',
    'm0 6l5.5-10h-11z',
    'm-6-2h4v-4h4v4h4v4h-4v4h-4v-4h-4z',
  ];
  const path = paths[look % paths.length];
  const body = `d="M${at(x)} ${at(y)}${path}" fill="${color(look)}"`;
  return inside === '' ? `<path ${body}/>` : `<path class="mark" ${body}>${inside}</path>`;
}

function drawLegend(series: readonly Series[]): string[] {
  let x = LEFT;
  return series.map(({ name, look }) => {
    const place = x + 6;
    x += 20 + (name.length + 2) * LETTER;
    return shape(look, place, 46, '') + label(place + 12, 50, name);
  });
}

function frame(plot: Plot, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-labelledby="title desc" font-family="sans-serif" font-size="12" fill="${TEXT}">`,
    `<title id="title">${escapeXml(plot.title)}</title>`,
    `<desc id="desc">${escapeXml(plot.description)}</desc>`,
    `<style>.grid{stroke:${TEXT};stroke-opacity:.25;fill:none}.line{fill:none;stroke-width:2}</style>`,
    label(LEFT, 22, plot.title, ' font-size="15" font-weight="bold"'),
    ...parts.filter((part) => part !== ''),
    '</svg>',
    '',
  ].join('\n');
}

export function drawLines(plot: LinePlot): string {
  const points = plot.series.flatMap((series) => series.points);
  const y = (plot.y.log ? logarithmic : linear)(
    points.map((point) => point.y),
    BOTTOM,
    TOP,
  );
  const x = across(
    points.map((point) => point.x),
    plot.x.log === true,
  );
  const name = (value: number): string => plot.x.named?.[value] ?? plot.x.show(value);
  const lines = plot.series.map((series) => {
    const places = series.points.map((point) => `${at(x.place(point.x))} ${at(y.place(point.y))}`);
    return `<path class="line" stroke="${color(series.look)}" d="M${places.join('L')}"/>`;
  });
  const marks = plot.series.flatMap((series) =>
    series.points.map((point) =>
      shape(
        series.look,
        x.place(point.x),
        y.place(point.y),
        title(`${series.name}, ${name(point.x)}: ${plot.y.show(point.y)}`),
      ),
    ),
  );
  return frame(plot, [
    ...drawY(plot.y, y),
    ...drawX(
      plot.x.title,
      x.ticks.map((tick) => ({ x: x.place(tick), text: name(tick) })),
    ),
    ...drawLegend(plot.series),
    ...lines,
    ...marks,
  ]);
}

export function drawBars(plot: BarPlot): string {
  const points = plot.series.flatMap((series) => series.points);
  const groups = [...new Set(points.map((point) => point.x))].sort((a, b) => a - b);
  const y = linear([...points.map((point) => point.y), plot.reference.value], BOTTOM, TOP);
  const wide = (RIGHT - LEFT) / groups.length;
  const bar = Math.min((wide * 0.84) / plot.series.length, 60);
  const center = (group: number): number => LEFT + wide * (groups.indexOf(group) + 0.5);
  const bars = plot.series.flatMap((series, i) =>
    series.points.map((point) => {
      const left = center(point.x) + bar * (i - plot.series.length / 2);
      const top = y.place(point.y);
      const shown = plot.y.show(point.y);
      const says = title(`${series.name}, ${plot.x.show(point.x)}: ${shown}`);
      const low = BOTTOM - top < 18;
      const value = label(
        left + bar / 2,
        low ? top - 4 : BOTTOM - 6,
        shown,
        ` text-anchor="middle"${low ? '' : ' fill="#000"'}`,
      );
      return `<rect class="mark" x="${at(left + 1)}" y="${at(top)}" width="${at(bar - 2)}" height="${at(BOTTOM - top)}" fill="${color(series.look)}">${says}</rect>${value}`;
    }),
  );
  const reference = y.place(plot.reference.value);
  return frame(plot, [
    ...drawY(plot.y, y),
    ...drawX(
      plot.x.title,
      groups.map((group) => ({ x: center(group), text: plot.x.show(group) })),
    ),
    ...drawLegend(plot.series),
    ...bars,
    `<path d="M${LEFT} ${at(reference)}H${RIGHT}" stroke="${TEXT}" stroke-width="1.5" stroke-dasharray="5 4" fill="none"/>`,
    label(RIGHT, 50, `broken line: ${plot.reference.name}`, ' text-anchor="end"'),
  ]);
}
