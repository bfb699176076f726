/** Asks for the access token once, where the server wants one. */
import { useSignal } from '@preact/signals';
import { connection } from '../page-state.ts';
import { keepToken } from '../token.ts';
import { reconnect } from '../transport.ts';

/** The form, with what was wrong with the last token. */
export function TokenForm({ message }: { message: string }) {
  const token = useSignal('');
  const forGood = useSignal(false);
  return (
    <main class="gate">
      <form
        data-testid="token-form"
        onSubmit={(event) => {
          event.preventDefault();
          keepToken(token.value.trim(), forGood.value);
          connection.value = { kind: 'connecting' };
          reconnect();
        }}
      >
        <h1>This server wants a token</h1>
        <p class="hint">
          It is the one the server was started with; <code>orbitdock-server generate-token</code>{' '}
          makes one.
        </p>
        {message !== '' && (
          <p class="banner bad" role="alert">
            {message}
          </p>
        )}
        <label class="labelled">
          Access token
          <input
            type="password"
            autocomplete="current-password"
            required
            value={token.value}
            onInput={(event) => {
              token.value = event.currentTarget.value;
            }}
          />
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={forGood.value}
            onChange={(event) => {
              forGood.value = event.currentTarget.checked;
            }}
          />
          remember on this device
        </label>
        <button type="submit" class="button primary">
          Open
        </button>
      </form>
    </main>
  );
}
