/**
 * Notifications that come while no page is open: quiet hours, sessions about which none are sent, and the devices, each
 * of which can be tried out, removed, or shut out together with its token.
 */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { isImported } from '../imported-file.ts';
import {
  askRecipients,
  type DeviceCommand,
  muteSession,
  type Recipients,
  sendDeviceCommand,
  setQuietHours,
} from '../notification-recipients.ts';
import { isOnline, rows, selected } from '../page-state.ts';
import { mayControl } from '../session-client.ts';
import { titleOf } from '../session-labels.ts';
import { Switch } from '../ui/switch.tsx';
import { VisibleText } from '../ui/visible-text.tsx';
import { deviceId, isPushed } from '../web-push.ts';
import './notification-settings.css';

/** What quiet hours begin with. */
const NIGHT = { from: '22:00', to: '07:00' };

type Device = Recipients['devices'][number];
/** Does something, then shows what is so; said when it was done. */
type Change = (doing: Promise<string | null>, said?: string) => void;

/** All that the server keeps about notifications. */
export function Notified() {
  const found = useSignal<Recipients | string | null>(null);
  const said = useSignal<{ words: string; isBad: boolean } | null>(null);
  const load = async (): Promise<void> => {
    const answer = await askRecipients();
    found.value = answer;
    // Another client may have removed this device.
    const isGone =
      typeof answer !== 'string' &&
      deviceId.peek() !== null &&
      !answer.devices.some(({ id }) => id === deviceId.peek());
    if (!isGone) return;
    isPushed.value = false;
    deviceId.value = null;
  };
  useEffect(() => {
    if (isOnline.value) void load();
  }, [isOnline.value, isPushed.value]);
  const change: Change = (doing, words) => {
    said.value = null;
    void doing.then(async (failure) => {
      if (failure !== null) said.value = { words: failure, isBad: true };
      else if (words !== undefined) said.value = { words, isBad: false };
      await load();
    });
  };
  const state = found.value;
  if (state === null) return null;
  if (typeof state === 'string') return <p class="hint">{state}</p>;
  return (
    <div class="notified" data-testid="notified">
      <Quiet quiet={state.quiet} change={change} />
      <Muted muted={state.muted} change={change} />
      <h4>Devices that are notified</h4>
      <Devices devices={state.devices} change={change} />
      <p role="status" class={said.value?.isBad ? 'banner warn' : 'hint'}>
        {said.value?.words}
      </p>
    </div>
  );
}

function Quiet({ quiet, change }: { quiet: Recipients['quiet']; change: Change }) {
  const chosen = quiet ?? NIGHT;
  const time = (end: 'from' | 'to', words: string) => (
    <label class="check">
      {words}
      <input
        type="time"
        required
        value={chosen[end]}
        disabled={quiet === null || !mayControl.value}
        onChange={({ currentTarget: { value } }) => {
          // A time that is half typed is empty.
          if (value !== '') change(setQuietHours({ ...chosen, [end]: value }));
        }}
      />
    </label>
  );
  return (
    <div class="quiet-hours" role="group" aria-label="Hours without notifications">
      <Switch
        words="Quiet hours"
        isOn={quiet !== null}
        isOff={!mayControl.value}
        onChange={(isOn) => change(setQuietHours(isOn ? chosen : null))}
      />
      {time('from', 'from')}
      {time('to', 'to')}
      <span class="hint">by the server’s clock</span>
    </div>
  );
}

function Muted({ muted, change }: { muted: readonly string[]; change: Change }) {
  const session = selected.value;
  const others = muted.filter((id) => id !== session);
  return (
    <>
      {session !== null && !isImported(session) && (
        <Switch
          words="No notifications about the session that is open"
          isOn={muted.includes(session)}
          isOff={!mayControl.value}
          onChange={(isOn) => change(muteSession(session, isOn))}
        />
      )}
      {others.length > 0 && (
        <ul class="recipients" aria-label="Muted sessions">
          {others.map((id) => (
            <li key={id}>
              <span class="recipient">
                <VisibleText text={nameOf(id)} /> <small>muted</small>
              </span>
              <button
                type="button"
                class="button"
                disabled={!mayControl.value}
                onClick={() => change(muteSession(id, false))}
              >
                Notify again
              </button>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function nameOf(session: string): string {
  const row = rows.get(session);
  return row ? titleOf(row) : session;
}

function Devices({ devices, change }: { devices: readonly Device[]; change: Change }) {
  if (devices.length === 0) {
    return <p class="hint">None: no notification is sent while no page is open.</p>;
  }
  return (
    <ul class="recipients" aria-label="Devices that are notified">
      {devices.map((device) => (
        <DeviceRow key={device.id} device={device} change={change} />
      ))}
    </ul>
  );
}

function DeviceRow({ device, change }: { device: Device; change: Change }) {
  const isAsked = useSignal<DeviceCommand | null>(null);
  const { id, name, token, created_at } = device;
  const act = (wanted: DeviceCommand, said: string) => () => {
    if (wanted !== 'test_notification' && isAsked.value !== wanted) {
      isAsked.value = wanted;
      return;
    }
    isAsked.value = null;
    change(sendDeviceCommand(wanted, id), said);
  };
  const button = (wanted: DeviceCommand, words: string, sure: string, said: string) => (
    <button
      type="button"
      class={isAsked.value === wanted ? 'button danger' : 'button'}
      disabled={!mayControl.value}
      onBlur={() => {
        isAsked.value = null;
      }}
      onClick={act(wanted, said)}
    >
      {isAsked.value === wanted ? sure : words}
    </button>
  );
  return (
    <li>
      <span class="recipient">
        <VisibleText text={name} />{' '}
        <small>
          {id === deviceId.value && 'this device, '}since{' '}
          {new Date(created_at).toLocaleDateString()}
          {token !== undefined && (
            <>
              , token <VisibleText text={token} />
            </>
          )}
        </small>
      </span>
      <span class="recipient-buttons">
        {button('test_notification', 'Test', '', `${name} was sent a test.`)}
        {button('remove_device', 'Remove', 'Really remove?', `${name} is notified no more.`)}
        {token !== undefined &&
          button(
            'revoke_device',
            'Revoke its token',
            'Really revoke?',
            `${name} may do nothing any more.`,
          )}
      </span>
    </li>
  );
}
