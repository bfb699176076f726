/**
 * A list of any length that only draws what is seen: rows of one height, placed by a transform. The
 * focus stays on the list itself, which names its active row (APG listbox).
 */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

interface Props<Item> {
  items: readonly Item[];
  rowHeight: number;
  label: string;
  testId: string;
  /** Index of the active row, -1 for none. */
  active: number;
  keyOf: (item: Item) => string;
  render: (item: Item, isActive: boolean) => ComponentChildren;
  onPick: (item: Item) => void;
  onHold?: (isHeld: boolean) => void;
  className?: (item: Item) => string;
}

/** Rows drawn above and below what is seen, so that a scroll does not flash. */
const OVERSCAN = 4;

export function VirtualList<Item>(props: Props<Item>) {
  const { items, rowHeight, active, keyOf, testId } = props;
  const host = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const height = useSignal(600);
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      height.value = element.clientHeight;
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (active >= 0) reveal(host.current, active, rowHeight);
  }, [active < 0 ? '' : keyOf(items[active] as Item)]);
  const start = Math.max(0, Math.floor(top.value / rowHeight) - OVERSCAN);
  const end = Math.min(items.length, Math.ceil((top.value + height.value) / rowHeight) + OVERSCAN);
  const idOf = (item: Item): string => `${testId}-${keyOf(item)}`;
  const current = items[active];
  return (
    <div
      ref={host}
      class="virtual"
      role="listbox"
      tabIndex={0}
      aria-label={props.label}
      aria-activedescendant={current && active >= start && active < end ? idOf(current) : undefined}
      data-testid={testId}
      onScroll={(event) => {
        top.value = event.currentTarget.scrollTop;
      }}
      onKeyDown={(event) => {
        const { key } = event;
        const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Enter: 0 }[key];
        const wanted = items[Math.min(items.length - 1, Math.max(0, active + (by ?? 0)))];
        if (by === undefined || !wanted) return;
        event.preventDefault();
        event.stopPropagation();
        props.onPick(wanted);
      }}
      onPointerEnter={(event) => event.pointerType === 'mouse' && props.onHold?.(true)}
      onPointerLeave={() => props.onHold?.(false)}
      onFocusIn={() => props.onHold?.(true)}
      onFocusOut={() => props.onHold?.(false)}
    >
      <div
        class="virtual-all"
        role="presentation"
        style={{ height: `${items.length * rowHeight}px` }}
      >
        {items.slice(start, end).map((item, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the list itself takes the keys
          // biome-ignore lint/a11y/useFocusableInteractive: the list keeps the focus, see aria-activedescendant
          <div
            key={keyOf(item)}
            id={idOf(item)}
            role="option"
            aria-selected={start + index === active}
            aria-setsize={items.length}
            aria-posinset={start + index + 1}
            class={`virtual-row ${props.className?.(item) ?? ''}${start + index === active ? ' active' : ''}`}
            style={{
              height: `${rowHeight}px`,
              transform: `translateY(${(start + index) * rowHeight}px)`,
            }}
            onClick={() => props.onPick(item)}
          >
            {props.render(item, start + index === active)}
          </div>
        ))}
      </div>
    </div>
  );
}

function reveal(host: HTMLElement | null, index: number, rowHeight: number): void {
  if (!host) return;
  const top = index * rowHeight;
  if (top < host.scrollTop) host.scrollTop = top;
  else if (top + rowHeight > host.scrollTop + host.clientHeight) {
    host.scrollTop = top + rowHeight - host.clientHeight;
  }
}
