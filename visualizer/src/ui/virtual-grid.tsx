/**
 * Tiles of one size, as many in a row as fit, of which only those in sight exist. Each is a button of its
 * own, in reading order, so the keyboard goes through them as through any other buttons. What stands
 * above them (children) scrolls with them.
 */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

interface Props<Item> {
  items: readonly Item[];
  /** Least width and the height of a tile, with its gap. */
  tile: { width: number; height: number };
  label: string;
  testId: string;
  keyOf: (item: Item) => string;
  render: (item: Item) => ComponentChildren;
  children?: ComponentChildren;
}

/** Rows drawn above and below what is seen. */
const OVERSCAN = 1;

/** Tiles of which only those in sight are in the page. */
export function VirtualGrid<Item>(props: Props<Item>) {
  const { items, tile, label, testId, keyOf, render, children } = props;
  const host = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLDivElement>(null);
  const size = useSignal({ w: 0, h: 600, top: 0 });
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const measure = (): void => {
      const w = field.current?.clientWidth ?? 0;
      const top = element.scrollTop - (field.current?.offsetTop ?? 0);
      size.value = { w, h: element.clientHeight, top };
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    if (field.current) observer.observe(field.current);
    element.addEventListener('scroll', measure, { passive: true });
    return () => observer.disconnect();
  }, []);
  const { w, h, top } = size.value;
  const columns = Math.max(1, Math.floor(w / tile.width));
  const rows = Math.ceil(items.length / columns);
  const start = Math.max(0, Math.floor(top / tile.height) - OVERSCAN);
  const end = Math.min(rows, Math.ceil((top + h) / tile.height) + OVERSCAN);
  return (
    <div ref={host} class="virtual-grid" role="group" aria-label={label} data-testid={testId}>
      {children}
      <div ref={field} class="virtual-all" style={{ height: `${rows * tile.height}px` }}>
        {items.slice(start * columns, end * columns).map((item, index) => (
          <div
            key={keyOf(item)}
            class="virtual-tile"
            style={{
              width: `${100 / columns}%`,
              height: `${tile.height}px`,
              insetInlineStart: `${((index % columns) * 100) / columns}%`,
              top: `${(start + Math.floor(index / columns)) * tile.height}px`,
            }}
          >
            {render(item)}
          </div>
        ))}
      </div>
    </div>
  );
}
