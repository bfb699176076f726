/** Whether all parts of the page say the same, looked at frame by frame while events arrive. */
import type { Page } from 'playwright-core';

/** What disagreed in so many frames, and how many moments those frames showed. */
export function disagreements(
  page: Page,
  frames: number,
): Promise<{ odd: string[]; moved: number }> {
  return page.evaluate(async (frames) => {
    const odd: string[] = [];
    const seen = new Set<string>();
    const text = (selector: string) => document.querySelector(selector)?.textContent ?? null;
    for (let frame = 0; frame < frames; frame += 1) {
      await new Promise(requestAnimationFrame);
      await new Promise((resolve) => setTimeout(resolve));
      const lit = [...document.querySelectorAll<SVGElement>('.chart .leaf.on')].map(
        (one) => one.dataset.state,
      );
      const outline = [...document.querySelectorAll<HTMLElement>('.outline-state.on')].map(
        (one) => one.dataset.outline,
      );
      const pill = text('[data-testid=pill]');
      const ends = (end: string) => lit.some((id) => id?.endsWith(end));
      const asked = ['permission', 'question'].find((one) => ends(`.requests.${one}`));
      const works = ends('.turn.open') || ends('.agents.running');
      const word = asked ?? (works ? 'working' : ends('.phase.ended') ? 'ended' : 'idle');
      if (pill !== word && !ends('.link.failed')) odd.push(`pill ${pill} but ${word}`);
      const isOutlined = lit.every((id) => outline.includes(id));
      if (outline.length > 0 && !isOutlined) odd.push(`outline ${outline} but ${lit}`);
      const cursor = text('[data-testid=now] b');
      const row = text('[data-testid=event-list] [aria-selected=true] .entry-seq');
      if (row !== null && row !== cursor) odd.push(`row ${row} but cursor ${cursor}`);
      seen.add(cursor ?? '');
    }
    return { odd, moved: seen.size };
  }, frames);
}
