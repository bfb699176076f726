/** Files of the session's directory, offered behind an at sign in a text: arrows choose, Enter or Tab takes one. */
import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { visibleText } from '../../../src/visible-text.ts';
import { namesIn } from '../all-sessions.ts';
import type { Draft } from '../message-drafts.ts';

/** Most names that are offered at once: more would hide the conversation. */
const OFFERED = 8;
const LIST_ID = 'mentions';

/** What is offered for the word at the caret. */
interface Offered {
  /** Place of the at sign in the text. */
  from: number;
  /** The directory part of the word: '' or one that ends with a slash. */
  folder: string;
  names: readonly string[];
  at: number;
  /** Why nothing can be offered. */
  failure: string | null;
}

/** A mention that is being written before the caret, and where its at sign stands. Pure. */
function mentionBefore(text: string, caret: number): { from: number; word: string } | null {
  const [, word] = /(?:^|\s)@([^\s@]*)$/.exec(text.slice(0, caret)) ?? [];
  return word === undefined ? null : { from: caret - word.length - 1, word };
}

/** What a field needs to offer files: its handlers, and the list to draw beside it. */
export function useMentions(
  draft: Draft,
  directory: string,
  field: { current: HTMLTextAreaElement | null },
) {
  const offered = useSignal<Offered | null>(null);
  const listings = useRef(new Map<string, Promise<readonly string[] | string>>());
  useEffect(() => {
    listings.current.clear();
    offered.value = null;
  }, [directory]);
  const close = (): void => {
    offered.value = null;
  };
  const update = async (): Promise<void> => {
    const element = field.current;
    const found = element && mentionBefore(element.value, element.selectionStart);
    if (!found) return close();
    const { from, word } = found;
    const folder = word.slice(0, word.lastIndexOf('/') + 1);
    const start = word.slice(folder.length).toLowerCase();
    const listing = listings.current.get(folder) ?? namesIn(`${directory}/${folder}`);
    listings.current.set(folder, listing);
    const all = await listing;
    // The caret may have gone on while the disk was read.
    if (mentionBefore(element.value, element.selectionStart)?.word !== word) return;
    if (typeof all === 'string') {
      offered.value = { from, folder, names: [], at: 0, failure: all };
      return;
    }
    for (const name of all) if (!name.endsWith('/')) draft.files.add(folder + name);
    const names = all.filter((name) => name.toLowerCase().startsWith(start)).slice(0, OFFERED);
    offered.value = names.length === 0 ? null : { from, folder, names, at: 0, failure: null };
  };
  const take = (name: string): void => {
    const element = field.current;
    const { value } = offered;
    if (!element || !value) return;
    const isFolder = name.endsWith('/');
    const word = `@${value.folder}${name}${isFolder ? '' : ' '}`;
    const after = element.value.slice(element.selectionStart);
    const text = element.value.slice(0, value.from) + word + after.replace(/^ /, '');
    const caret = value.from + word.length;
    close();
    // At once: a character that is typed before the next frame must find its place.
    element.value = text;
    element.focus();
    element.setSelectionRange(caret, caret);
    draft.text.value = text;
    if (isFolder) void update();
  };
  return {
    offered,
    take,
    close,
    update: () => void update(),
    /** @returns whether the key was meant for the list */
    onKey: (event: KeyboardEvent) => takeKey(event, offered, take),
  };
}

function takeKey(
  event: KeyboardEvent,
  offered: Signal<Offered | null>,
  take: (name: string) => void,
): boolean {
  const { value } = offered;
  if (!value || event.isComposing) return false;
  const { names, at } = value;
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (event.key === 'Escape') offered.value = null;
  else if (names.length === 0) return false;
  else if (by !== undefined)
    offered.value = { ...value, at: (at + by + names.length) % names.length };
  else if ((event.key === 'Enter' && !event.shiftKey) || event.key === 'Tab') take(names[at] ?? '');
  else return false;
  event.preventDefault();
  event.stopPropagation();
  return true;
}

/** What a field that offers files says of its list to those who do not see it. */
export function mentionAria(offered: Offered | null) {
  const isOpen = offered !== null && offered.names.length > 0;
  return {
    'aria-autocomplete': 'list' as const,
    'aria-controls': isOpen ? LIST_ID : undefined,
    'aria-activedescendant': isOpen ? `${LIST_ID}-${offered.at}` : undefined,
  };
}

/** The list itself. */
export function MentionList({
  offered,
  onTake,
}: {
  offered: Offered | null;
  onTake: (name: string) => void;
}) {
  if (!offered) return null;
  if (offered.failure !== null)
    return (
      <p class="mentions popover hint" role="status">
        Files cannot be listed: {visibleText(offered.failure)}
      </p>
    );
  return (
    <div id={LIST_ID} class="mentions popover" role="listbox" aria-label="Files">
      {offered.names.map((name, index) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the field takes the keys
        // biome-ignore lint/a11y/useFocusableInteractive: the field keeps the focus, see aria-activedescendant
        <div
          key={name}
          id={`${LIST_ID}-${index}`}
          role="option"
          class="offered"
          aria-selected={index === offered.at}
          // The field keeps the focus.
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => onTake(name)}
        >
          <bdi class="code">{visibleText(offered.folder + name)}</bdi>
        </div>
      ))}
    </div>
  );
}
