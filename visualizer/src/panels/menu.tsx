/** The menu: appearance, notifications, what is about the server, exports, and all keys. */

import { mayNotify, notices, startAlerts } from '../browser-notifications.ts';
import { closeFile, isImported } from '../imported-file.ts';
import { areLettersOn, KEYS } from '../keys.ts';
import { selected } from '../page-state.ts';
import {
  isMenuOpen,
  isNewSessionOpen,
  isPaletteOpen,
  openSession,
  openTab,
  place,
} from '../route.ts';
import { mayControl } from '../session-client.ts';
import { setTheme, THEME_WORDS, THEMES, theme } from '../theme.ts';
import { select } from '../transport.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Switch } from '../ui/switch.tsx';
import { isPushed, mayPush, pushFailure, startPush, stopPush } from '../web-push.ts';
import { ConversationExport, Import, JournalExport } from './exports.tsx';
import { NewSessionDialog } from './new-session.tsx';
import { Notified } from './notification-settings.tsx';
import { Palette } from './palette.tsx';

const KEY_WORDS: Record<string, string> = {
  ' ': 'Space',
  ArrowLeft: '←',
  ArrowRight: '→',
  ArrowUp: '↑',
  ArrowDown: '↓',
};

/** Pages about the server, which the bar does not name. */
const ABOUT_WORDS = {
  grid: 'Counts of states',
  machines: 'Charts and their exports',
  about: 'Usage, limits, about',
} as const;

/** The dialog that is open, if any. */
export function Dialogs() {
  if (isNewSessionOpen.value) return <NewSessionDialog />;
  if (isPaletteOpen.value) return <Palette />;
  if (!isMenuOpen.value) return null;
  return (
    <Dialog
      title="Menu"
      onClose={() => {
        isMenuOpen.value = false;
      }}
    >
      <h3>Theme</h3>
      <Themes />
      <h3>When something waits</h3>
      <Switches />
      <Notified />
      <h3>This server</h3>
      <div class="buttons">
        {(['grid', 'machines', 'about'] as const).map((where) => (
          <button
            key={where}
            type="button"
            class="button"
            onClick={() => {
              isMenuOpen.value = false;
              place.value = where;
            }}
          >
            {ABOUT_WORDS[where]}
          </button>
        ))}
      </div>
      <h3>Import</h3>
      <Import
        onOpened={(session) => {
          isMenuOpen.value = false;
          openTab('session');
          openSession(session);
        }}
      />
      {isImported(selected.value) && (
        <button type="button" class="button" onClick={close}>
          Close this file
        </button>
      )}
      {selected.value !== null && !isImported(selected.value) && (
        <>
          <h3>Export</h3>
          <ConversationExport session={selected.value} />
          <JournalExport session={selected.value} />
        </>
      )}
      <h3>Keys</h3>
      <Switch
        words="Single letters are keys"
        isOn={areLettersOn.value}
        onChange={(isOn) => {
          areLettersOn.value = isOn;
        }}
      />
      <Keys />
    </Dialog>
  );
}

/** Closes the opened file that is shown. */
function close(): void {
  const id = selected.peek();
  isMenuOpen.value = false;
  select(null);
  if (id !== null) closeFile(id);
}

function Themes() {
  return (
    <span class="segments" role="group" aria-label="Theme">
      {THEMES.map((one) => (
        <button
          key={one}
          type="button"
          aria-pressed={theme.value === one}
          onClick={() => setTheme(one)}
        >
          {THEME_WORDS[one]}
        </button>
      ))}
    </span>
  );
}

function Switches() {
  const { alerts, sound, isDiscreet } = notices.value;
  const change = (changes: Partial<typeof notices.value>): void => {
    notices.value = { ...notices.peek(), ...changes };
  };
  return (
    <div class="switches">
      <Switch
        words="Notify me in this browser"
        isOn={alerts}
        isOff={!mayNotify()}
        onChange={(isOn) => (isOn ? void startAlerts() : change({ alerts: false }))}
      />
      {!mayNotify() && <p class="hint">This browser does not let the page notify you.</p>}
      <Switch
        words="Without what is asked for"
        isOn={isDiscreet}
        isOff={!alerts}
        onChange={(isOn) => change({ isDiscreet: isOn })}
      />
      <Switch
        words="Notify this device, also when no page is open"
        isOn={isPushed.value}
        isOff={!mayPush() || !mayControl.value}
        onChange={(isOn) => void (isOn ? startPush() : stopPush())}
      />
      {pushFailure.value && <p class="hint">{pushFailure.value}</p>}
      <Switch words="With a sound" isOn={sound} onChange={(isOn) => change({ sound: isOn })} />
    </div>
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
