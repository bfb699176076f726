/**
 * How much of each region a screen has room for, so that the smallest letters of the picture can be read. Pure;
 * called when the screen, the region tab or the actions switch change.
 */
import { arrange, type Details, type Picture, type Screen } from './arrange.ts';
import type { Drawing, Region } from './geometry.ts';
import { SIZES } from './labels.ts';

/** Letters smaller than this cannot be read at arm's length, CSS px. */
const LEAST_PX = 11;

/** The scale from which all of a picture's letters can be read. */
export function readableScale({ placed }: Picture): number {
  const smallest = placed.map(({ drawing }) =>
    drawing ? smallestIn(drawing) : Math.min(SIZES.event, SIZES.guard),
  );
  return LEAST_PX / Math.min(...smallest, SIZES.name);
}

/** A bare drawing has the names of its states and nothing else. */
function smallestIn({ detail }: Drawing): number {
  return detail === 'bare' ? SIZES.name : Math.min(...Object.values(SIZES));
}

/** The picture of these regions with the most written out that can be read; null when not even bare ones can. */
export function readablePicture(
  regions: readonly Region[],
  screen: Screen,
  actions: boolean,
): Picture | null {
  const make = (details: Details): Picture | null => {
    const picture = arrange(regions, screen, { actions, details });
    return picture.scale >= readableScale(picture) ? picture : null;
  };
  for (const details of lessAndLess(regions)) {
    const picture = make(details);
    if (picture) return filledUp(picture, details, make);
  }
  return null;
}

/** Regions in the order in which they lose words: outer ones first, those inside of a state last. */
function losersFirst(regions: readonly Region[]): string[] {
  const depth = ({ id }: Region): number => id.split('.').length;
  return [...regions]
    .reverse()
    .sort((one, other) => depth(one) - depth(other))
    .map(({ id }) => id);
}

/** What to try in turn: all written out, then ever less. */
function lessAndLess(regions: readonly Region[]): Details[] {
  const order = losersFirst(regions);
  const steps: Details[] = [new Map(order.map((id) => [id, 'full']))];
  for (const detail of ['folded', 'bare'] as const) {
    for (const id of order) steps.push(new Map(steps.at(-1)).set(id, detail));
  }
  return steps;
}

/** What one region gave up may leave room for more of another: those that lose last get it first. */
function filledUp(
  picture: Picture,
  details: Details,
  make: (details: Details) => Picture | null,
): Picture {
  let [best, kept] = [picture, details];
  for (const [id] of [...details].reverse()) {
    for (const detail of ['full', 'folded'] as const) {
      if (kept.get(id) === 'full' || kept.get(id) === detail) break;
      const more = new Map(kept).set(id, detail);
      const larger = make(more);
      if (!larger) continue;
      [best, kept] = [larger, more];
      break;
    }
  }
  return best;
}
