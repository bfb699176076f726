/** Title, pages, how the page stands with the server, menu; and what must be read once. */
import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { type Degraded, degraded } from '../health.ts';
import { connection, hello, notice } from '../page-state.ts';
import { isMenuOpen, isPaletteOpen, place, view } from '../route.ts';
import { PAGE_PATH } from '../server-url.ts';
import { reconnect, select } from '../transport.ts';
import { now } from '../ui/clock.tsx';
import { Icon } from './navigation.tsx';
import { NewSessionButton } from './new-session.tsx';

const WORDS = {
  connecting: 'Connecting',
  online: 'Live',
  offline: 'Offline',
  unauthorized: 'Locked',
  mismatch: 'Reload',
} as const;

/** The bar above everything: pages, connection, menu. */
export function TopBar({ children }: { children?: ComponentChildren }) {
  const { kind } = connection.value;
  const isReadOnly = hello.value !== null && !hello.value.scopes.includes('control');
  return (
    <header class="top-bar">
      <a
        class="brand"
        href={PAGE_PATH}
        onClick={(event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey) return;
          event.preventDefault();
          select(null);
          place.value = 'sessions';
          view.value = 'sessions';
        }}
      >
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="8" />
          <circle cx="16" cy="16" r="8.5" />
          <circle class="moon" cx="23" cy="11" r="3.4" />
        </svg>
        <span>OrbitDock</span>
      </a>
      {children}
      <span class="space" />
      <button
        type="button"
        class="find"
        onClick={() => {
          isPaletteOpen.value = true;
        }}
      >
        Find a session, page or command <kbd>Ctrl K</kbd>
      </button>
      <span class="space" />
      {isReadOnly && (
        <span class="pill quiet" title="This page may read; sending needs a token">
          read-only
        </span>
      )}
      <NewSessionButton />
      <span class={`connection ${kind}`} data-testid="connection" role="status">
        <i class="dot" />
        <span>{WORDS[kind]}</span>
      </span>
      <button
        type="button"
        class="button square menu"
        aria-label="Menu and keys"
        onClick={() => {
          isMenuOpen.value = true;
        }}
      >
        <Icon of="menu" />
      </button>
    </header>
  );
}

/** Lines across the page: offline with a countdown, restarts, another protocol. */
export function Banners() {
  const state = connection.value;
  return (
    <div class="banners">
      {state.kind === 'offline' && <Offline since={state.since} retryAt={state.retryAt} />}
      {degraded.value !== null && <CannotStore storageError={degraded.value} />}
      <MayOnlyLook />
      {state.kind === 'mismatch' && (
        <p class="banner bad" role="alert">
          The server uses protocol {state.protocol} and this page an older one.{' '}
          <button type="button" class="button" onClick={() => window.location.reload()}>
            Reload the page
          </button>
        </p>
      )}
      {notice.value !== null && (
        <p class="banner warn" role="status" data-testid="notice">
          {notice.value}{' '}
          <button
            type="button"
            class="button"
            onClick={() => {
              notice.value = null;
            }}
          >
            OK
          </button>
        </p>
      )}
    </div>
  );
}

/** What is wrong with the storage, and what to do; it goes when the error is over. */
function CannotStore({ storageError: { code, what, remedy } }: { storageError: Degraded }) {
  return (
    <p class="banner bad" role="alert" data-testid="degraded">
      {what} (<code>{code}</code>): nothing new is stored. {remedy}
    </p>
  );
}

const isLookingKnown = signal(false);

/** Said once: why nothing can be pressed, and how that is changed. */
function MayOnlyLook() {
  const isReadOnly = hello.value !== null && !hello.value.scopes.includes('control');
  if (!isReadOnly || isLookingKnown.value) return null;
  return (
    <p class="banner warn" role="status" data-testid="read-only">
      This server is read-only for you: it takes commands only from callers that it knows. Run{' '}
      <code>orbitdock-server generate-token</code> and start it without{' '}
      <code>--allow-insecure-no-auth</code>; this page then asks for the token.{' '}
      <button
        type="button"
        class="button"
        onClick={() => {
          isLookingKnown.value = true;
        }}
      >
        OK
      </button>
    </p>
  );
}

function Offline({ since, retryAt }: { since: number; retryAt: number }) {
  // Reading the clock repaints the countdown every second.
  now.value;
  const seconds = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
  return (
    <p class="banner bad" role="alert" data-testid="offline">
      The server cannot be reached. What you see is from {new Date(since).toLocaleTimeString()}.{' '}
      <span aria-hidden="true">{seconds > 0 ? `Trying again in ${seconds} s.` : 'Trying…'}</span>{' '}
      <button type="button" class="button" onClick={reconnect}>
        Retry now
      </button>
    </p>
  );
}
