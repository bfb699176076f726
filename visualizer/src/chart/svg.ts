/**
 * SVG elements without a framework: the chart is drawn once and then only changes classes, so nothing
 * has to be compared. Text goes in as text nodes.
 */

const NAMESPACE = 'http://www.w3.org/2000/svg';

type Attributes = Record<string, string | number | undefined>;

/** A new element; attributes that are undefined are left out. */
export function svg<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: (SVGElement | string)[]
): SVGElementTagNameMap[Tag] {
  const element = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children);
  return element;
}

/** A path along these corners, rounded. */
export function roundedPath(points: readonly number[], radius: number): string {
  const at = (index: number): [number, number] => [
    points[index * 2] ?? 0,
    points[index * 2 + 1] ?? 0,
  ];
  const last = points.length / 2 - 1;
  let path = `M${at(0).join(' ')}`;
  for (let index = 1; index < last; index += 1) {
    const [before, corner, after] = [at(index - 1), at(index), at(index + 1)];
    const r = Math.min(radius, distance(before, corner) / 2, distance(corner, after) / 2);
    path += `L${towards(corner, before, r)}Q${corner.join(' ')} ${towards(corner, after, r)}`;
  }
  return `${path}L${at(last).join(' ')}`;
}

/** The head of an arrow at the end of these corners. */
export function arrowHead(points: readonly number[], length = 7): string {
  const [x2 = 0, y2 = 0, x1 = 0, y1 = 0] = [
    points.at(-2),
    points.at(-1),
    points.at(-4),
    points.at(-3),
  ];
  const far = Math.hypot(x2 - x1, y2 - y1) || 1;
  const [ux, uy] = [(x2 - x1) / far, (y2 - y1) / far];
  const [bx, by] = [x2 - ux * length, y2 - uy * length];
  const half = length * 0.5;
  return `M${x2} ${y2}L${bx - uy * half} ${by + ux * half}L${bx + uy * half} ${by - ux * half}Z`;
}

function distance(one: [number, number], other: [number, number]): number {
  return Math.hypot(one[0] - other[0], one[1] - other[1]);
}

function towards(from: [number, number], to: [number, number], length: number): string {
  const far = distance(from, to) || 1;
  const part = length / far;
  return `${from[0] + (to[0] - from[0]) * part} ${from[1] + (to[1] - from[1]) * part}`;
}
