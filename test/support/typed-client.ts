/** The typed client as tests have it: over `ws`, in a hurry, with waits for conditions. */
import { WebSocket } from 'ws';
import {
  type Client,
  type ClientOptions,
  createClient,
  type ServerFrame,
  type SessionView,
} from '../../src/client/index.ts';
import { createInbox, type Inbox } from './inbox.ts';

export interface TypedClient extends Client, Disposable {
  /** All frames but `hello`, over all its lines. */
  readonly frames: Inbox<ServerFrame>;
  /** Kinds of links it had, in order. */
  readonly links: Inbox<string>;
  /** Settles when it is online, now or next. */
  online(): Promise<void>;
  /** Settles with the session once it looks like that. */
  until(sessionId: string, fits: (view: SessionView) => boolean): Promise<SessionView>;
  /** Settles when everything that was published before has been folded. */
  rest(): Promise<void>;
}

/** Connects; comes back faster than users' clients do. */
export function typedClient(url: string, options: Partial<ClientOptions> = {}): TypedClient {
  const client = createClient({ url, WebSocket, pace: { firstMs: 20, maxMs: 100 }, ...options });
  const frames = createInbox<ServerFrame>('typed client');
  const links = createInbox<string>('link of the typed client');
  const views = createInbox<SessionView>('sessions of the typed client');
  client.on('frame', frames.add);
  client.on('link', ({ kind }) => links.add(kind));
  client.on('session', (view) => views.add(view));
  const online = async (): Promise<void> => {
    if (client.link.kind === 'online') return;
    await new Promise<void>((resolve) => {
      const stop = client.on('link', ({ kind }) => {
        if (kind !== 'online') return;
        stop();
        resolve();
      });
    });
  };
  return Object.defineProperties(
    {
      frames,
      links,
      online,
      async until(sessionId: string, fits: (view: SessionView) => boolean) {
        const known = client.session(sessionId);
        if (known && fits(known)) return known;
        return views.waitFor(
          (view) => view.id === sessionId && fits(view) && client.session(sessionId) === view,
        );
      },
      rest: async () => void (await client.request({ type: 'ping' })),
      [Symbol.dispose]: () => client.close(),
    },
    Object.getOwnPropertyDescriptors(client),
  ) as TypedClient;
}
