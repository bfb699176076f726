/**
 * Which drawing of each region, and where: the most that can be read on this screen. Pure; called when the
 * screen, the region tab or the actions switch change, never because an event came.
 *
 * Neighbours stay neighbours: a picture is cut into two pictures, beside or below each other, again and again,
 * down to single regions in their order. Of all pictures of a stretch only those are kept that no other one is
 * smaller than both ways, so trying everything takes few steps.
 */
import type { Block, Detail, Drawing, Region } from './geometry.ts';

/** Space between parts, in chart units. */
const GAP = 12;

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

/** How much is written out of each region. */
export type Details = ReadonlyMap<string, Detail>;

/** The largest picture of these regions on this screen. @param details  of a region not in it: all */
export function arrange(
  regions: readonly Region[],
  screen: Screen,
  { actions, details }: { actions: boolean; details?: Details },
): Picture {
  const choices = regions.flatMap((region) =>
    choicesOf(region, actions, details?.get(region.id) ?? 'full'),
  );
  let best: (Packed & { scale: number; worth: number }) | null = null;
  for (const packed of packingsOf(choices)) {
    const scale = Math.min(screen.w / packed.w, screen.h / packed.h);
    // Among equally large ones, the one that leaves the least blank.
    const worth = Math.min(scale, 1.15) - (packed.w * packed.h) / 1e8;
    if (!best || worth > best.worth) best = { ...packed, scale, worth };
  }
  if (!best) return { placed: [], w: 0, h: 0, scale: 1 };
  return { placed: placedIn(best, 0, 0), w: best.w, h: best.h, scale: best.scale };
}

function choicesOf({ id, drawings, blocks }: Region, actions: boolean, detail: Detail): Part[][] {
  const pictures = drawings
    .filter((one) => one.actions === actions && one.detail === detail)
    .map((drawing) => ({ region: id, drawing }));
  const lists = blocks
    .filter((block) => block.actions === actions)
    .map((block) => ({ region: id, block }));
  return lists.length > 0 ? [pictures, lists] : [pictures];
}

/** A size, and how it came to be: one part, or two pictures. */
interface Packed {
  w: number;
  h: number;
  made: { part: Part } | { first: Packed; second: Packed; isBeside: boolean };
}

/** All pictures of these parts, in their order, that no other one is smaller than both ways. */
function packingsOf(choices: readonly Part[][]): Packed[] {
  const known = new Map<string, Packed[]>();
  const between = (start: number, end: number): Packed[] => {
    const key = `${start} ${end}`;
    const found = known.get(key) ?? smallest(packingsBetween(start, end));
    known.set(key, found);
    return found;
  };
  const packingsBetween = (start: number, end: number): Packed[] => {
    if (end - start === 1) return (choices[start] ?? []).map(alone);
    const all: Packed[] = [];
    for (let cut = start + 1; cut < end; cut += 1) {
      for (const first of between(start, cut)) {
        for (const second of between(cut, end)) {
          all.push(joined(first, second, true), joined(first, second, false));
        }
      }
    }
    return all;
  };
  return choices.length === 0 ? [] : between(0, choices.length);
}

function alone(part: Part): Packed {
  const { w, h } = part.drawing ?? part.block;
  return { w, h, made: { part } };
}

function joined(first: Packed, second: Packed, isBeside: boolean): Packed {
  const made = { first, second, isBeside };
  return isBeside
    ? { w: first.w + GAP + second.w, h: Math.max(first.h, second.h), made }
    : { w: Math.max(first.w, second.w), h: first.h + GAP + second.h, made };
}

/** Without those that another one is at most as wide and at most as high as. */
function smallest(all: readonly Packed[]): Packed[] {
  const kept: Packed[] = [];
  let lowest = Number.POSITIVE_INFINITY;
  for (const one of [...all].sort((a, b) => a.w - b.w || a.h - b.h)) {
    if (one.h >= lowest) continue;
    lowest = one.h;
    kept.push(one);
  }
  return kept;
}

function placedIn({ made }: Packed, x: number, y: number): Placed[] {
  if ('part' in made) return [{ ...made.part, x, y }];
  const { first, second, isBeside } = made;
  const [dx, dy] = isBeside ? [first.w + GAP, 0] : [0, first.h + GAP];
  return [...placedIn(first, x, y), ...placedIn(second, x + dx, y + dy)];
}
