/**
 * Which drawing of each region, and where: the combination that gets the largest on this screen. Pure;
 * called when the screen, the region tab or the actions switch change, never because an event came.
 */
import type { Block, Drawing, Region } from './geometry.ts';

/** Space between parts, in chart units. */
const GAP = 16;

/** A region's drawing, or the block of what it takes in any state, at its place. */
type Placed = Part & { x: number; y: number };

type Part =
  | { region: string; drawing: Drawing; block?: never }
  | { region: string; block: Block; drawing?: never };

/** A whole picture. */
export interface Picture {
  placed: Placed[];
  w: number;
  h: number;
  /** What fits it into the screen. */
  scale: number;
}

/** The room there is for the picture, CSS pixels. */
export interface Screen {
  w: number;
  h: number;
}

/** From this many regions on fewer ways to draw each are tried, so that a new screen costs a moment. */
const MANY_REGIONS = 3;
const FEW_CHOICES = 2;

/** The largest picture of these regions on this screen, with or without actions. */
export function arrange(regions: readonly Region[], screen: Screen, actions: boolean): Picture {
  // Combinations multiply: of many regions only the first ways to draw each are tried.
  const most = regions.length > MANY_REGIONS ? FEW_CHOICES : Number.POSITIVE_INFINITY;
  const choices = regions
    .flatMap((region) => choicesOf(region, actions))
    .map((options) => options.slice(0, most));
  let best: (Picture & { worth: number }) | null = null;
  for (const parts of combinationsOf(choices)) {
    for (const pack of PACKINGS) {
      const picture = pack(parts);
      const scale = Math.min(screen.w / picture.w, screen.h / picture.h);
      // Among equally large ones, the one that leaves the least blank.
      const worth = scale - (picture.w * picture.h) / 1e8;
      if (!best || worth > best.worth) best = { ...picture, scale, worth };
    }
  }
  return best ?? { placed: [], w: 0, h: 0, scale: 1 };
}

function choicesOf({ id, drawings, blocks }: Region, actions: boolean): Part[][] {
  const pictures = drawings
    .filter((drawing) => drawing.actions === actions)
    .map((drawing) => ({ region: id, drawing }));
  const lists = blocks
    .filter((block) => block.actions === actions)
    .map((block) => ({ region: id, block }));
  return lists.length > 0 ? [pictures, lists] : [pictures];
}

function combinationsOf<T>(choices: readonly T[][]): T[][] {
  return choices.reduce<T[][]>(
    (heads, options) => heads.flatMap((head) => options.map((option) => [...head, option])),
    [[]],
  );
}

type Packed = Omit<Picture, 'scale'>;

/** Ways to put parts together: in a row, in a column, the first beside or above the others. */
const PACKINGS: ((parts: readonly Part[]) => Packed)[] = [
  (parts) => beside(parts.map(alone)),
  (parts) => below(parts.map(alone)),
  (parts) =>
    beside([below(parts.slice(0, 1).map(alone)), below(ordered(parts.slice(1)).map(alone))]),
  (parts) =>
    below([below(parts.slice(0, 1).map(alone)), beside(ordered(parts.slice(1)).map(alone))]),
];

/** Pictures before lists: a list is read last. */
function ordered(parts: readonly Part[]): Part[] {
  return [...parts.filter(({ drawing }) => drawing), ...parts.filter(({ block }) => block)];
}

function alone(part: Part): Packed {
  const { w, h } = part.drawing ?? part.block;
  return { placed: [{ ...part, x: 0, y: 0 }], w, h };
}

function beside(parts: readonly Packed[]): Packed {
  return parts.reduce<Packed>(
    (left, part) => joined(left, part, left.w > 0 ? left.w + GAP : 0, 0),
    NOTHING,
  );
}

function below(parts: readonly Packed[]): Packed {
  return parts.reduce<Packed>(
    (above, part) => joined(above, part, 0, above.h > 0 ? above.h + GAP : 0),
    NOTHING,
  );
}

const NOTHING: Packed = { placed: [], w: 0, h: 0 };

function joined(one: Packed, other: Packed, dx: number, dy: number): Packed {
  return {
    placed: [
      ...one.placed,
      ...other.placed.map((part) => ({ ...part, x: part.x + dx, y: part.y + dy })),
    ],
    w: Math.max(one.w, other.w + dx),
    h: Math.max(one.h, other.h + dy),
  };
}
