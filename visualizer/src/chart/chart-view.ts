/**
 * The diagram of one machine in an element: drawn when the chart, the screen or an option changes, lit
 * by switching classes when the state does. Knows nothing of sessions, sockets or Preact.
 */
import { arrange, type Picture, type Screen } from './arrange.ts';
import { type Drawn, draw } from './draw.ts';
import { Folds } from './folds.ts';
import type { Box, LaidOutChart, Region } from './geometry.ts';
import { readablePicture, readableScale } from './readable-size.ts';
import { svg } from './svg.ts';
import { MARGIN, Viewport } from './viewport.ts';

/** All regions, then those inside of another one, then one of these. */
function fewerAndFewer(regions: readonly Region[]): Region[][] {
  const isInside = ({ id }: Region) => id.split('.').length > 2;
  const inside = regions.filter(isInside);
  const [first] = inside.length > 0 ? inside : regions;
  const sets = [[...regions], inside, first ? [first] : []];
  return sets.filter((set) => set.length > 0);
}

/** What the view shows and what it calls at a click. */
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
  readonly #folds: Folds;
  #counts: ReadonlyMap<string, HTMLElement> = new Map();
  readonly #resizes: ResizeObserver;
  #chart: LaidOutChart | null = null;
  #picture: Picture = { placed: [], w: 1, h: 1, scale: 1 };
  #drawn: Drawn = { world: svg('g'), states: new Map(), edges: new Map(), folds: [] };
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
    this.#folds = new Folds(host, {
      onEdge: options.onEdge,
      onOpen: () => this.#relightEdges(),
      onFocus: (fold) => this.#viewport.reveal(fold),
    });
    this.#viewport = new Viewport(host, (x, y, scale) => {
      this.#drawn.world.setAttribute('transform', `translate(${x} ${y}) scale(${scale})`);
      this.#folds.move(x, y, scale);
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
      const row = this.#drawn.edges.get(edge)?.row ?? this.#counts.get(edge);
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
    const screen = { w: clientWidth - 2 * MARGIN, h: clientHeight - 2 * MARGIN };
    // The same screen again, as while a head above grows and shrinks, costs no new arrangement.
    const key = `${screen.w} ${screen.h} ${this.#region} ${this.#actions}`;
    if (this.#arranged?.key !== key || this.#arranged.chart !== this.#chart) {
      this.#arranged = { key, chart: this.#chart, picture: this.#pictureOf(regions, screen) };
    }
    this.#picture = this.#arranged.picture;
    const drawn = draw(chart, this.#picture);
    this.#drawn.world.replaceWith(drawn.world);
    this.#drawn = drawn;
    this.#counts = this.#folds.show(drawn.folds);
    this.#viewport.fitWidth(this.#picture, readableScale(this.#picture));
    this.#relight();
    this.#options.onPicture?.([...new Set(this.#picture.placed.map(({ region }) => region))]);
  }

  /** As much as can be read on this screen; where nothing can, one region, larger than the screen. */
  #pictureOf(regions: readonly Region[], screen: Screen): Picture {
    const chosen = regions.filter(({ id }) => id === this.#region);
    const wanted = chosen.length > 0 ? [chosen] : fewerAndFewer(regions);
    for (const some of wanted) {
      const picture = readablePicture(some, screen, this.#actions);
      if (picture) return picture;
    }
    return arrange(wanted.at(-1) ?? [], screen, { actions: this.#actions });
  }

  #relight(): void {
    for (const id of this.#lights.active) lightState(this.#drawn.states.get(id), true);
    this.#relightEdges();
  }

  #relightEdges(): void {
    this.#lightEdges('possible', this.#lights.possible);
    this.#lightEdges('fire', new Set(this.#fired.edges));
  }

  /** A line or a count is lit when one of its transitions is. */
  #lightEdges(name: 'possible' | 'fire', lit: ReadonlySet<string>): void {
    const shared = new Set<Element>();
    for (const [edge, { row, line }] of this.#drawn.edges) {
      row?.classList.toggle(name, lit.has(edge));
      if (line && lit.has(edge)) shared.add(line);
    }
    for (const edge of lit) {
      const count = this.#counts.get(edge);
      if (count) shared.add(count);
    }
    for (const [edge, row] of this.#folds.rows) row.classList.toggle(name, lit.has(edge));
    for (const { line } of this.#drawn.edges.values())
      line?.classList.toggle(name, shared.has(line));
    for (const count of this.#counts.values()) count.classList.toggle(name, shared.has(count));
    // What is lit without a row of its own, for tests and tools that read the document.
    if (name === 'fire') this.#host.dataset.fire = [...lit].join('\n');
  }

  #click(event: MouseEvent): void {
    if (this.#viewport.wasDragged || !(event.target instanceof Element)) return;
    // Counts and their lists listen themselves.
    if (event.target.closest('.fold, .fold-list')) return;
    this.#folds.close();
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
