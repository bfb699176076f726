/**
 * Which drawing of each region, and where: the combination that gets the largest on this screen. Pure;
 * called when the screen, the region tab or the actions switch change, never because an event came.
 */
import type { Drawing, Region } from './geometry.ts';

/** Space between regions, in chart units. */
const GAP = 16;

/** A region at its place. */
export interface Placed {
  region: string;
  drawing: Drawing;
  x: number;
  y: number;
}

/** A whole picture. */
export interface Picture {
  placed: Placed[];
  w: number;
  h: number;
  /** What fits it into the screen. */
  scale: number;
}

export interface Screen {
  w: number;
  h: number;
}

/** The largest picture of these regions on this screen, with or without actions. */
export function arrange(regions: readonly Region[], screen: Screen, actions: boolean): Picture {
  const choices = regions.map((region) =>
    region.drawings
      .filter((drawing) => drawing.actions === actions)
      .map((drawing) => ({ region: region.id, drawing })),
  );
  let best: Picture | null = null;
  for (const combination of combinationsOf(choices)) {
    for (const isRow of combination.length > 1 ? [true, false] : [true]) {
      const picture = pictureOf(combination, isRow, screen);
      // The last digit decides for nothing: at equal size the first, calmer one stays.
      if (!best || picture.scale > best.scale * 1.01) best = picture;
    }
  }
  return best ?? { placed: [], w: 0, h: 0, scale: 1 };
}

function combinationsOf<T>(choices: readonly T[][]): T[][] {
  return choices.reduce<T[][]>(
    (heads, options) => heads.flatMap((head) => options.map((option) => [...head, option])),
    [[]],
  );
}

function pictureOf(
  combination: { region: string; drawing: Drawing }[],
  isRow: boolean,
  screen: Screen,
): Picture {
  const placed: Placed[] = [];
  let [w, h] = [0, 0];
  for (const { region, drawing } of combination) {
    const gap = placed.length > 0 ? GAP : 0;
    placed.push({ region, drawing, x: isRow ? w + gap : 0, y: isRow ? 0 : h + gap });
    w = isRow ? w + gap + drawing.w : Math.max(w, drawing.w);
    h = isRow ? Math.max(h, drawing.h) : h + gap + drawing.h;
  }
  return { placed, w, h, scale: Math.min(screen.w / w, screen.h / h) };
}
