/**
 * What makes a drawing unreadable: labels on labels, labels on states, lines through states, things
 * outside their frame, and transitions that were forgotten. The build fails on any of them.
 */
import type { Box, Chart, Drawing, Line } from '../src/chart/geometry.ts';

interface Named {
  name: string;
  box: Box;
}

/** Every fault in words; an empty list is a good drawing. */
export function overlapsOf(drawing: Drawing, chart: Chart, region: string): string[] {
  const written = drawing.detail === 'bare' ? [] : drawing.lines;
  const labels = written.map(({ source, target, label }) => ({
    name: `${source}>${target}`,
    box: label,
  }));
  const parents = new Set(chart.states.map(({ parent }) => parent));
  const leaves = drawing.states
    .filter(({ id }) => !parents.has(id))
    .map((box) => ({ name: box.id, box }));
  const pills = drawing.pills.map((box) => ({ name: `any of ${box.state}`, box }));
  const starts = drawing.starts.map((points, index) => ({
    name: `start ${index}`,
    box: boundsOf(points),
  }));
  const solid = [...leaves, ...pills];
  return [
    ...pairsOf(labels, labels, 'label on label'),
    ...pairsOf(labels, [...solid, ...starts], 'label on state'),
    ...pairsOf(solid, solid, 'state on state'),
    ...drawing.lines.flatMap((line) => linesThrough(line, solid)),
    ...[...labels, ...solid].filter(({ box }) => !isInside(box, drawing)).map(outside),
    ...forgotten(drawing, chart, region),
  ];
}

function pairsOf(some: Named[], others: Named[], fault: string): string[] {
  return some.flatMap((one, index) =>
    others
      .filter((other, at) => (some !== others || at > index) && meets(one.box, other.box))
      .map((other) => `${fault}: ${one.name} and ${other.name}`),
  );
}

/** A line may touch the border of a state, and may end in it. */
function linesThrough(line: Line, solid: Named[]): string[] {
  return segmentsOf(line.points).flatMap((segment) =>
    solid
      .filter(({ box }) => meets(segment, box))
      .map(({ name }) => `line through state: ${line.source}>${line.target} and ${name}`),
  );
}

function segmentsOf(points: readonly number[]): Box[] {
  const segments: Box[] = [];
  for (let at = 0; at + 3 < points.length; at += 2) {
    segments.push(boundsOf(points.slice(at, at + 4)));
  }
  return segments;
}

function boundsOf(points: readonly number[]): Box {
  const xs = points.filter((_, at) => at % 2 === 0);
  const ys = points.filter((_, at) => at % 2 === 1);
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, w: Math.max(...xs) - x, h: Math.max(...ys) - y };
}

/** Overlaps by more than a rounding error. */
function meets(one: Box, other: Box): boolean {
  const slack = 0.5;
  return (
    one.x + one.w > other.x + slack &&
    other.x + other.w > one.x + slack &&
    one.y + one.h > other.y + slack &&
    other.y + other.h > one.y + slack
  );
}

function isInside({ x, y, w, h }: Box, drawing: Drawing): boolean {
  return x >= 0 && y >= 0 && x + w <= drawing.w + 0.5 && y + h <= drawing.h + 0.5;
}

function outside({ name }: Named): string {
  return `outside the region: ${name}`;
}

/** Transitions that start in this region's states and stand nowhere in it; its own that stay have a block. */
function forgotten(drawing: Drawing, chart: Chart, region: string): string[] {
  const states = new Set(drawing.states.map(({ id }) => id));
  const drawn = new Set([
    ...drawing.folds.flatMap(({ edges }) => edges),
    ...drawing.lines.flatMap(({ edges }) => edges),
  ]);
  // A bare drawing has no room for what leads nowhere else.
  const isToldHere = (targets: readonly string[]): boolean =>
    targets.length > 0 || drawing.detail !== 'bare';
  return chart.edges
    .filter(
      ({ source, targets }) => states.has(source) && !(source === region && targets.length === 0),
    )
    .filter(({ id, targets }) => isToldHere(targets) && !drawn.has(id))
    .map(({ id }) => `not drawn: ${id}`);
}
