/**
 * The diagram of one machine in an element: drawn when the chart, the screen or an option changes, lit
 * by switching classes when the state does. Knows nothing of sessions, sockets or Preact.
 */
import { arrange, type Picture } from './arrange.ts';
import { type Drawn, draw } from './draw.ts';
import type { Box, LaidOutChart, Region } from './geometry.ts';
import { svg } from './svg.ts';
import { Viewport } from './viewport.ts';

/** Below this labels cannot be read: one region is shown instead of all. */
const READABLE_SCALE = 0.6;

/** All regions, then fewer: without the way to the provider, without the life as a whole, then one. */
function fewerAndFewer(regions: readonly Region[]): Region[][] {
  const isInside = ({ id }: Region) => id.split('.').length > 2;
  const inside = regions.filter(isInside);
  const [first] = inside.length > 0 ? inside : regions;
  const sets = [[...regions], regions.slice(0, -1), inside, first ? [first] : []];
  return sets.filter((set) => set.length > 0);
}

/** The first picture whose labels can be read; the last one where none can. */
function firstReadable(pictures: readonly (() => Picture)[]): Picture {
  let picture: Picture = { placed: [], w: 0, h: 0, scale: 1 };
  for (const make of pictures) {
    picture = make();
    if (picture.scale >= READABLE_SCALE * 0.8) break;
  }
  return picture;
}

/** What the view shows and whom it tells of clicks. */
export interface ChartViewOptions {
  onState: (state: string) => void;
  onEdge: (edge: string) => void;
  /** Regions now shown; more than the tab says nothing, fewer when all would be too small. */
  onPicture?: (regions: readonly string[]) => void;
}

/** What is lit. */
export interface Lights {
  active: ReadonlySet<string>;
  possible: ReadonlySet<string>;
}

/** A drawn chart in its host element: shows states and transitions, never lays out anything. */
export class ChartView {
  readonly #host: HTMLElement;
  readonly #options: ChartViewOptions;
  readonly #canvas = svg('svg', { 'aria-hidden': 'true' });
  readonly #viewport: Viewport;
  readonly #resizes: ResizeObserver;
  #chart: LaidOutChart | null = null;
  #picture: Picture = { placed: [], w: 1, h: 1, scale: 1 };
  #drawn: Drawn = { world: svg('g'), states: new Map(), edges: new Map() };
  #lights: Lights = { active: new Set(), possible: new Set() };
  #fired: { edges: readonly string[]; timer: number } = { edges: [], timer: 0 };
  #region: string | null = null;
  #arranged: { key: string; chart: LaidOutChart; picture: Picture } | null = null;
  #actions = false;

  constructor(host: HTMLElement, options: ChartViewOptions) {
    this.#host = host;
    this.#options = options;
    this.#canvas.append(this.#drawn.world);
    host.append(this.#canvas);
    this.#viewport = new Viewport(host, (transform) => {
      this.#drawn.world.setAttribute('transform', transform);
    });
    host.addEventListener('click', (event) => this.#click(event));
    this.#resizes = new ResizeObserver(() => {
      if (this.#viewport.isFitted) this.#redraw();
    });
    this.#resizes.observe(host);
  }

  /** Ends all observation; the element may be thrown away. */
  close(): void {
    this.#resizes.disconnect();
    clearTimeout(this.#fired.timer);
    this.#canvas.remove();
  }

  /** Another machine, region (null: all) or amount of detail: a new picture, fitted. */
  show(chart: LaidOutChart, region: string | null, actions: boolean): void {
    if (chart === this.#chart && region === this.#region && actions === this.#actions) return;
    this.#chart = chart;
    this.#region = region;
    this.#actions = actions;
    this.#host.classList.toggle('actions', actions);
    this.#viewport.isFitted = true;
    this.#redraw();
  }

  /** Lights the active states and what could happen next; touches only what changed. */
  light(lights: Lights): void {
    toggle(this.#drawn.states, this.#lights.active, lights.active);
    const before = this.#lights.possible;
    this.#lights = lights;
    if (before !== lights.possible) this.#lightEdges('possible', lights.possible);
  }

  /** Shows which transitions were taken, for a while (`null`: until the next call). */
  fire(edges: readonly string[], holdMs: number | null): void {
    clearTimeout(this.#fired.timer);
    const timer = holdMs === null ? 0 : window.setTimeout(() => this.fire([], null), holdMs);
    this.#fired = { edges, timer };
    this.#lightEdges('fire', new Set(edges));
  }

  /** Shakes the labels of an event that was refused. */
  refuse(edges: readonly string[]): void {
    for (const edge of edges) {
      const row = this.#drawn.edges.get(edge)?.row;
      row?.classList.add('refused');
      window.setTimeout(() => row?.classList.remove('refused'), 1200);
    }
  }

  fit(): void {
    this.#viewport.isFitted = true;
    this.#redraw();
  }

  zoom(steps: number): void {
    this.#viewport.zoom(steps);
  }

  pan(directionX: number, directionY: number): void {
    this.#viewport.pan(directionX, directionY);
  }

  /** Brings a state into view, when it is not. */
  reveal(state: string): void {
    const box = this.#boxOf(state);
    if (box) this.#viewport.reveal(box);
  }

  #boxOf(state: string): Box | null {
    for (const { drawing, x, y } of this.#picture.placed) {
      const box = drawing?.states.find(({ id }) => id === state);
      if (box) return { x: x + box.x, y: y + box.y, w: box.w, h: box.h };
    }
    return null;
  }

  #redraw(): void {
    const { clientWidth, clientHeight } = this.#host;
    if (!this.#chart || clientWidth === 0 || clientHeight === 0) return;
    const { regions, chart } = this.#chart;
    const screen = { w: clientWidth - 24, h: clientHeight - 24 };
    const chosen = regions.filter(({ id }) => id === this.#region);
    const wanted = chosen.length > 0 ? [chosen] : fewerAndFewer(regions);
    const pictures = wanted.map((some) => () => arrange(some, screen, this.#actions));
    // The same screen again, as while a head above grows and shrinks, costs no new arrangement.
    const key = `${screen.w} ${screen.h} ${this.#region} ${this.#actions}`;
    if (this.#arranged?.key !== key || this.#arranged.chart !== this.#chart) {
      this.#arranged = { key, chart: this.#chart, picture: firstReadable(pictures) };
    }
    this.#picture = this.#arranged.picture;
    const drawn = draw(chart, this.#picture);
    this.#drawn.world.replaceWith(drawn.world);
    this.#drawn = drawn;
    this.#viewport.fitWidth(this.#picture, READABLE_SCALE * 0.8);
    this.#relight();
    this.#options.onPicture?.([...new Set(this.#picture.placed.map(({ region }) => region))]);
  }

  #relight(): void {
    for (const id of this.#lights.active) lightState(this.#drawn.states.get(id), true);
    this.#lightEdges('possible', this.#lights.possible);
    this.#lightEdges('fire', new Set(this.#fired.edges));
  }

  /** A line is lit when one of its rows is. */
  #lightEdges(name: 'possible' | 'fire', lit: ReadonlySet<string>): void {
    const lines = new Set<SVGGElement>();
    for (const [edge, { row, line }] of this.#drawn.edges) {
      row.classList.toggle(name, lit.has(edge));
      if (line && lit.has(edge)) lines.add(line);
    }
    for (const { line } of this.#drawn.edges.values())
      line?.classList.toggle(name, lines.has(line));
  }

  #click(event: MouseEvent): void {
    if (this.#viewport.wasDragged || !(event.target instanceof Element)) return;
    const edge = event.target.closest<SVGGElement>('[data-edge]')?.dataset.edge;
    if (edge !== undefined) {
      this.#options.onEdge(edge);
      return;
    }
    const state = event.target.closest<SVGGElement>('[data-state]')?.dataset.state;
    if (state !== undefined) this.#options.onState(state);
  }
}

function toggle(
  elements: Map<string, SVGGElement[]>,
  before: ReadonlySet<string>,
  after: ReadonlySet<string>,
): void {
  for (const id of new Set([...before, ...after])) {
    if (before.has(id) !== after.has(id)) lightState(elements.get(id), after.has(id));
  }
}

function lightState(elements: SVGGElement[] | undefined, isOn: boolean): void {
  for (const element of elements ?? []) element.classList.toggle('on', isOn);
}
