/** Links that the page itself follows, and the browser when it is asked for another tab. */

/** Whether a press means "here": no key is held that asks the browser for another tab or a download. */
export function isPlainPress(event: MouseEvent): boolean {
  return !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
}
