/** What lists of any length share: which part of them is in sight, keys that step, and what holds their order. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

/** How many rows further a key leads. */
export const STEPS: Readonly<Record<string, number>> = {
  ArrowDown: 1,
  ArrowUp: -1,
  PageDown: 10,
  PageUp: -10,
};

/** The pane of a list, and which part of its content it shows, px from the top. */
export function useScrolled() {
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
  return {
    host,
    top: top.value,
    height: height.value,
    onScroll: () => {
      top.value = host.current?.scrollTop ?? 0;
    },
  };
}

/** Scrolls no further than it must to show a row. */
export function reveal(
  host: HTMLElement | null,
  row: { top: number; height: number } | undefined,
): void {
  if (!host || !row) return;
  const { top, height } = row;
  if (top < host.scrollTop) host.scrollTop = top;
  else if (top + height > host.scrollTop + host.clientHeight) {
    host.scrollTop = top + height - host.clientHeight;
  }
}

/** Handlers that hold an order while the pointer or the focus is inside. */
export function holding(onHold: ((isHeld: boolean) => void) | undefined) {
  return {
    onPointerEnter: (event: PointerEvent) => {
      if (event.pointerType === 'mouse') onHold?.(true);
    },
    onPointerLeave: () => onHold?.(false),
    onFocusIn: () => onHold?.(true),
    onFocusOut: () => onHold?.(false),
  };
}
