/** Kept prompts beside a field: one is put into it with a press, what is in it is kept with another. */
import { type Signal, useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { visibleText } from '../../../src/visible-text.ts';
import {
  forgetTemplate,
  keepTemplate,
  type PromptTemplate,
  promptTemplates,
} from '../prompt-templates.ts';
import './prompt-templates.css';

/** The button and its list, for the field with this text. */
export function PromptTemplates({ text }: { text: Signal<string> }) {
  const isOpen = useSignal(false);
  const host = useRef<HTMLDivElement>(null);
  const close = (): void => {
    isOpen.value = false;
    host.current?.querySelector('button')?.focus();
  };
  const take = (template: PromptTemplate): void => {
    const before = text.peek().trimEnd();
    text.value = before === '' ? template.text : `${before}\n\n${template.text}`;
    isOpen.value = false;
    host.current?.closest('form')?.querySelector('textarea')?.focus();
  };
  return (
    <div
      ref={host}
      class="templates"
      role="group"
      aria-label="Prompt templates"
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || !isOpen.value) return;
        // The dialog around it stays open.
        event.preventDefault();
        event.stopPropagation();
        close();
      }}
      onFocusOut={(event) => {
        if (!host.current?.contains(event.relatedTarget as Node | null)) isOpen.value = false;
      }}
    >
      <button
        type="button"
        class="button"
        aria-expanded={isOpen.value}
        onClick={() => {
          isOpen.value = !isOpen.value;
        }}
      >
        Templates
      </button>
      {isOpen.value && (
        <div class="templates-list popover" tabIndex={-1}>
          {promptTemplates.value.length === 0 && (
            <p class="hint">No prompt is kept yet. They are kept in this browser.</p>
          )}
          <ul>
            {promptTemplates.value.map((one) => (
              <li key={one.name}>
                <button
                  type="button"
                  class="templates-take offer-line"
                  title={one.text}
                  onClick={() => take(one)}
                >
                  <bdi>{visibleText(one.name)}</bdi>
                </button>
                <button
                  type="button"
                  class="button"
                  aria-label={`Remove template ${one.name}`}
                  onClick={() => {
                    forgetTemplate(one);
                    host.current?.querySelector<HTMLElement>('.templates-list')?.focus();
                  }}
                >
                  ✕
                </button>
              </li>
            ))}
          </ul>
          <button
            type="button"
            class="button"
            disabled={text.value.trim() === ''}
            onClick={() => {
              keepTemplate(text.peek());
              close();
            }}
          >
            Keep what is written
          </button>
        </div>
      )}
    </div>
  );
}
