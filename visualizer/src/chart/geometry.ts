/**
 * What the build hands to the page: every shipped machine described and laid out. Coordinates are chart
 * units (CSS px at scale 1) from the top left corner of their region. Types only; written by
 * layout.build.ts, read by the chart and the outline.
 */

import type {
  EdgeDescription,
  MachineDescription,
  StateDescription,
} from '../../../machines/describe.ts';

/** A machine as it runs, its states and its transitions. */
export type Chart = MachineDescription;
/** A state as the machine describes it. */
export type ChartState = StateDescription;
/** A transition as the machine describes it. */
export type ChartEdge = EdgeDescription;

/** Where a picture grows to: wide screens and narrow ones have one each. */
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

/**
 * How much of a region is written out. `full`: a row for each transition of a line; `folded`: a line with many
 * has a count instead; `bare`: states and arrows only. Transitions that stay are always a count, or not there.
 */
export type Detail = 'full' | 'folded' | 'bare';

/** A count that stands for transitions and opens their list: of a state, or of a line to a target. */
export interface Fold extends Box {
  source: string;
  /** Null: they stay. */
  target: string | null;
  edges: string[];
}

/** A drawn line: transitions with the same source and target share it. */
export interface Line {
  source: string;
  target: string;
  /** Corners, x and y in turn. */
  points: number[];
  /** All transitions on it. */
  edges: string[];
  /** Where its words stand; without a width where it has none. */
  label: Box;
  /** A text row for each transition; none where a count stands for them, and on a bare line. */
  rows: Row[];
}

/** A pill that stands for "in any state of this one": the source of its own transitions. */
interface AnyPill extends Box {
  state: string;
}

/** One way to draw a region. */
export interface Drawing {
  direction: Direction;
  detail: Detail;
  /** Whether entry, exit and transition actions are written out. */
  actions: boolean;
  w: number;
  h: number;
  states: StateBox[];
  lines: Line[];
  /** Counts that stand for transitions. */
  folds: Fold[];
  pills: AnyPill[];
  /** Dot and arrow into the state entered first: corners, x and y in turn. */
  starts: number[][];
}

/** A region of a parallel machine, or the whole of any other one. */
export interface Region {
  id: string;
  drawings: Drawing[];
  /** Its own transitions that stay, in one to several columns; empty when it has none. */
  blocks: Block[];
  /** Small pictures, one for each direction. */
  minis: Mini[];
}

/** The transitions a region takes in any of its states without leaving it. */
export interface Block {
  actions: boolean;
  w: number;
  h: number;
  rows: Row[];
}

/** A state of a small picture; a compound one has a head of 30 units for its name. */
export interface MiniState extends Box {
  id: string;
  isLeaf: boolean;
}

/** A region as a small picture: states and bare arrows, for counts and for tiles. */
export interface Mini {
  direction: Direction;
  w: number;
  h: number;
  states: MiniState[];
  /** Corners, x and y in turn. */
  lines: number[][];
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
