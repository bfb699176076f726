/**
 * What the build hands to the page: every shipped machine described and laid out. Coordinates are chart
 * units (CSS px at scale 1) from the top left corner of their region. Types only; written by
 * layout.build.ts, read by the chart and the outline.
 */

/** One state node, as `describeMachine` gives it. */
export interface ChartState {
  id: string;
  key: string;
  /** Null for the machine itself. */
  parent: string | null;
  type: string;
  tags: readonly string[];
  entry: readonly string[];
  exit: readonly string[];
  /** Id of the state entered first; null for leaves and parallel states. */
  initial: string | null;
}

/** One transition; no targets means that the state stays. */
export interface ChartEdge {
  id: string;
  source: string;
  targets: readonly string[];
  event: string;
  guard: string | null;
  actions: readonly string[];
  kind: string;
  internal: boolean;
}

/** A machine as it runs. */
export interface Chart {
  id: string;
  states: readonly ChartState[];
  edges: readonly ChartEdge[];
}

export type Direction = 'RIGHT' | 'DOWN';

/** A rectangle, left top corner and size. */
export interface Box {
  x: number;
  y: number;
  w: number;
  h: number;
}

/** The text row of one transition, on its line or inside its state. */
export interface Row extends Box {
  edge: string;
}

/** A drawn state. */
export interface StateBox extends Box {
  id: string;
  /** Height of the part that holds the name. */
  head: number;
}

/** A drawn line: transitions with the same source and target share it, a text row each. */
export interface Line {
  source: string;
  target: string;
  /** Corners, x and y in turn. */
  points: number[];
  label: Box;
  rows: Row[];
}

/** A pill that stands for "in any state of this one": the source of its own transitions. */
export interface AnyPill extends Box {
  state: string;
}

/** One way to draw a region. */
export interface Drawing {
  direction: Direction;
  /** Whether entry, exit and transition actions are written out. */
  actions: boolean;
  w: number;
  h: number;
  states: StateBox[];
  lines: Line[];
  /** Targetless transitions: they stay where they are, so they are rows and not lines. */
  stays: Row[];
  pills: AnyPill[];
  /** Dot and arrow into the state entered first: corners, x and y in turn. */
  starts: number[][];
}

/** A region of a parallel machine, or the whole of any other one. */
export interface Region {
  id: string;
  drawings: Drawing[];
}

/** One machine with its geometry. */
export interface LaidOutChart {
  /** Of the description; the server names the same for the machine it runs. */
  hash: string;
  chart: Chart;
  regions: Region[];
}

/** The file that is served with the page. */
export interface Charts {
  machines: Record<string, LaidOutChart>;
}
