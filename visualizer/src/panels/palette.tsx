/** One field that leads everywhere: sessions, pages and commands by their words. Arrows choose, Enter goes there. */
import { useSignal } from '@preact/signals';
import type { InspectRow } from '../../../src/protocol/inspect.ts';
import { visibleText } from '../../../src/visible-text.ts';
import { inOrder } from '../list-order.ts';
import {
  isInspectorOpen,
  isMenuOpen,
  isNewSessionOpen,
  isPaletteOpen,
  openSearch,
  openSession,
  openTab,
  type Place,
  place,
  searched,
} from '../route.ts';
import { mayControl } from '../session-client.ts';
import { headlineOf, placeOf, titleOf } from '../session-labels.ts';
import { all, isCompact, waitingRows } from '../session-list.ts';
import { nextTheme } from '../theme.ts';
import { Dialog } from '../ui/dialog.tsx';
import './palette.css';

/** Something that can be gone to or done. */
interface Choice {
  key: string;
  words: string;
  /** Said beside it, and found by as well. */
  hint: string;
  act: () => void;
}

/** Sessions that are offered at once. */
const SESSIONS = 8;
const LIST_ID = 'palette';
/** Preact's types know comboboxes with a datalist only. */
const COMBOBOX: object = { role: 'combobox', 'aria-expanded': true };

const goTo = (where: Place, words: string, hint = ''): Choice => ({
  ...{ key: where, words, hint },
  act: () => {
    place.value = where;
  },
});

function commands(): Choice[] {
  return [
    goTo('inbox', 'Inbox', 'g i'),
    goTo('sessions', 'Sessions', 'g s'),
    goTo('board', 'Board', 'g b'),
    ...(mayControl.value
      ? [
          {
            ...{ key: 'new', words: 'New session', hint: 'c' },
            act: () => {
              isNewSessionOpen.value = true;
            },
          },
        ]
      : []),
    {
      ...{ key: 'side', words: 'Side column, or not', hint: '\\' },
      act: () => {
        isInspectorOpen.value = !isInspectorOpen.peek();
      },
    },
    {
      ...{ key: 'compact', words: 'Compact rows, or not', hint: '' },
      act: () => {
        isCompact.value = !isCompact.peek();
      },
    },
    { ...{ key: 'theme', words: 'Theme: light, dark, system', hint: 't' }, act: nextTheme },
    goTo('grid', 'Counts of states'),
    goTo('machines', 'Charts and their exports'),
    goTo('about', 'Usage, limits, about'),
    {
      ...{ key: 'menu', words: 'Menu, exports and all keys', hint: '?' },
      act: () => {
        isMenuOpen.value = true;
      },
    },
  ];
}

function sessionChoice(row: InspectRow): Choice {
  const { verb, thing } = headlineOf(row);
  return {
    key: row.id,
    words: titleOf(row),
    hint: `${placeOf(row)} · ${verb} ${thing}`,
    act: () => {
      openTab('session');
      openSession(row.id);
    },
  };
}

/** What is offered for these words: all of them must be found. */
function choicesFor(text: string): Choice[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = ({ words: name, hint }: Choice): boolean => {
    const whole = `${name} ${hint}`.toLowerCase();
    return words.every((word) => whole.includes(word));
  };
  const rows = words.length === 0 ? waitingRows.value : inOrder(all.value, 'attention');
  const sessions: Choice[] = [];
  for (const row of rows) {
    if (sessions.length === SESSIONS) break;
    const choice = sessionChoice(row);
    if (fits(choice)) sessions.push(choice);
  }
  const query = text.trim();
  const search: Choice = {
    ...{ key: 'search', words: `Search in all conversations: ${query}`, hint: '/' },
    act: () => {
      searched.value = query;
      openSearch();
    },
  };
  return [...sessions, ...commands().filter(fits), ...(query === '' ? [] : [search])];
}

/** The dialog, while it is open. */
export function Palette() {
  const text = useSignal('');
  const at = useSignal(0);
  const choices = choicesFor(text.value);
  const current = Math.min(at.value, choices.length - 1);
  const close = (): void => {
    isPaletteOpen.value = false;
  };
  const take = (choice: Choice | undefined): void => {
    if (!choice) return;
    close();
    choice.act();
  };
  return (
    <Dialog title="Go to" onClose={close}>
      <input
        type="search"
        class="palette-field"
        aria-label="Session, page or command"
        placeholder="Session, page or command"
        {...COMBOBOX}
        aria-controls={LIST_ID}
        aria-autocomplete="list"
        aria-activedescendant={choices.length > 0 ? `${LIST_ID}-${current}` : undefined}
        autocomplete="off"
        spellcheck={false}
        dir="auto"
        data-first
        value={text.value}
        onInput={(event) => {
          text.value = event.currentTarget.value;
          at.value = 0;
        }}
        onKeyDown={(event) => {
          const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
          if (by !== undefined) at.value = (current + by + choices.length) % choices.length;
          else if (event.key === 'Enter' && !event.isComposing) take(choices[current]);
          else return;
          event.preventDefault();
        }}
      />
      <div id={LIST_ID} class="palette" role="listbox" aria-label="Found">
        {choices.map((choice, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field takes the keys
          // biome-ignore lint/a11y/useFocusableInteractive: the field keeps the focus, see aria-activedescendant
          <div
            key={choice.key}
            id={`${LIST_ID}-${index}`}
            role="option"
            class="offered"
            aria-selected={index === current}
            onClick={() => take(choice)}
          >
            <bdi class="palette-words">{visibleText(choice.words)}</bdi>
            <bdi class="palette-hint">{visibleText(choice.hint)}</bdi>
          </div>
        ))}
      </div>
    </Dialog>
  );
}
