/** A modal dialog: the browser's own, which traps the focus and gives it back. */
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';

interface Props {
  title: string;
  children: ComponentChildren;
  onClose: () => void;
}

/** A modal dialog: keeps the focus inside and gives it back. */
export function Dialog({ title, children, onClose }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const isGone = useRef(false);
  // Before the next key: one that comes while the dialog is on its way belongs to the dialog.
  useLayoutEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    // Where a person begins; else the browser's choice, which is the first button.
    dialog.current?.querySelector<HTMLElement>('[data-first]')?.focus();
    const opened = dialog.current;
    return () => {
      isGone.current = true;
      // While it is open nothing behind it takes the focus.
      opened?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-label={title}
      // Its own closing is reported a moment later, when another dialog may be open.
      onClose={() => (isGone.current ? undefined : onClose())}
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || event.isComposing || event.defaultPrevented) return;
        // The browser's own closing reports itself a frame later; a key in between would be lost.
        event.preventDefault();
        onClose();
      }}
    >
      <header>
        <h2>{title}</h2>
        <button type="button" class="button" aria-label="Close" onClick={onClose}>
          ✕
        </button>
      </header>
      <section class="dialog-body" tabIndex={0} aria-label={title}>
        {children}
      </section>
    </dialog>
  );
}
