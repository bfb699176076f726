// Shows what the server pushes to this device, and answers from there with the token that the page has given it. It is
// no module and not hashed: a browser looks under this very address for a newer one.
const SETTLED_MS = 1500;

self.addEventListener('push', (event) => event.waitUntil(pushed(event.data.json())));
self.addEventListener('notificationclick', (event) => event.waitUntil(pressed(event)));
self.addEventListener('message', (event) => {
  if (event.data?.type === 'token') event.waitUntil(keepToken(event.data.token));
});
self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

async function pushed(notice) {
  const { tag } = notice;
  if (notice.type === 'settled') {
    // A browser wants to see a notification for each push: the settled one takes the place, then goes.
    await self.registration.showNotification('Settled', { tag, silent: true });
    await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
    const shown = await self.registration.getNotifications({ tag });
    for (const one of shown) one.close();
    return;
  }
  // Nothing is approved that was not shown whole: a long command or a change of a file is looked at on the page.
  const approve = notice.is_whole ? [{ action: 'approved', title: 'Approve' }] : [];
  const actions = notice.can_answer ? [...approve, { action: 'denied', title: 'Deny' }] : [];
  const late = notice.type === 'waiting_long' ? ' still waits' : '';
  await self.registration.showNotification(`${notice.title ?? 'OrbitDock'}${late}`, {
    ...{ tag, actions, data: notice, renotify: true, requireInteraction: notice.can_answer },
    body: [notice.text, whereOf(notice)].filter(Boolean).join('\n'),
  });
}

function whereOf({ can_answer, is_whole, where }) {
  if (!can_answer) return where;
  return is_whole ? null : 'Open it to see all of it and to approve';
}

async function pressed({ action, notification }) {
  const { tag, data } = notification;
  notification.close();
  if (!data) return;
  const page = new URL(`./s/${encodeURIComponent(data.session_id)}`, self.registration.scope).href;
  if (action !== 'approved' && action !== 'denied') {
    await self.clients.openWindow(page);
    return;
  }
  const reason = await answer(data, action);
  if (reason === null) return;
  // The person must not believe that it was answered.
  await self.registration.showNotification('Not answered', { tag, body: reason, data });
}

/** @returns why it was not taken; null when it was */
async function answer({ session_id, request_id }, decision) {
  const token = await readToken();
  const path = `../api/sessions/${encodeURIComponent(session_id)}/approve`;
  try {
    const response = await fetch(new URL(path, self.registration.scope), {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        ...(token && { Authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ request_id, decision }),
    });
    if (response.ok) return null;
    const { error } = await response.json();
    return error?.message ?? `The server answered ${response.status}`;
  } catch (error) {
    return `The server was not reached: ${error.message}`;
  }
}

// A worker has no localStorage; this is the same origin's own store.
function store() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open('orbitdock', 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore('kept');
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
}

async function keepToken(token) {
  const database = await store();
  return await done(database, 'readwrite', (kept) => kept.put(token, 'token'));
}

async function readToken() {
  const database = await store();
  return await done(database, 'readonly', (kept) => kept.get('token'));
}

function done(database, mode, run) {
  return new Promise((resolve, reject) => {
    const request = run(database.transaction('kept', mode).objectStore('kept'));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
