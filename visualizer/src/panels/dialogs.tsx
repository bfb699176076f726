/** Help: all keys, and where to read on. */
import { KEYS } from '../keys.ts';
import { selected } from '../model.ts';
import { isHelpOpen, place } from '../route.ts';
import { Dialog } from '../ui/dialog.tsx';
import { JournalExport } from './exports.tsx';

const KEY_WORDS: Record<string, string> = {
  ' ': 'Space',
  ArrowLeft: '←',
  ArrowRight: '→',
  ArrowUp: '↑',
  ArrowDown: '↓',
};

/** The dialog that is open, if any. */
export function Dialogs() {
  if (!isHelpOpen.value) return null;
  return (
    <Dialog
      title="Help"
      onClose={() => {
        isHelpOpen.value = false;
      }}
    >
      <h3>Keys</h3>
      <Keys />
      {selected.value !== null && (
        <>
          <h3>Take along</h3>
          <JournalExport session={selected.value} />
        </>
      )}
      <h3>More</h3>
      <div class="buttons">
        {(['machines', 'about'] as const).map((where) => (
          <button
            key={where}
            type="button"
            class="button"
            onClick={() => {
              isHelpOpen.value = false;
              place.value = where;
            }}
          >
            {where === 'machines' ? 'Charts and their exports' : 'About this server'}
          </button>
        ))}
      </div>
    </Dialog>
  );
}

/** Every key and what it does. */
export function Keys() {
  return (
    <dl class="keys">
      {KEYS.map(({ keys, words }) => (
        <div key={words}>
          <dt>
            {keys.map((key) => (
              <kbd key={key}>{KEY_WORDS[key] ?? key}</kbd>
            ))}
          </dt>
          <dd>{words}</dd>
        </div>
      ))}
    </dl>
  );
}
