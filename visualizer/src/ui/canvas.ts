/** A canvas of a component: drawn again with it, and when its size changes. */
import { useEffect, useRef } from 'preact/hooks';

/** Redraws a canvas when it or the theme changes. */
export function useCanvas(draw: (canvas: HTMLCanvasElement) => void) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const latest = useRef(draw);
  latest.current = draw;
  useEffect(() => {
    if (!canvas.current) return;
    const element = canvas.current;
    const observer = new ResizeObserver(() => latest.current(element));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (canvas.current) draw(canvas.current);
  });
  return canvas;
}
