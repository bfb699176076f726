/** All handlers, group by group: where each group gets what it works with. */
import type { Browse } from '../../host/directory.ts';
import type { Images } from '../../host/images.ts';
import type { Logger } from '../../log.ts';
import type { Hook } from '../../protocol/hook.ts';
import type { Providers } from '../../providers/registry.ts';
import type { Core } from '../core.ts';
import type { HookMeta } from '../hall.ts';
import type { Shells } from '../shells.ts';
import { createForks } from '../steering/forks.ts';
import { createAccountHandlers } from './account.ts';
import { createApprovalsHandlers } from './approvals.ts';
import { createBrowseHandlers } from './browse.ts';
import { createCatalogHandlers } from './catalog.ts';
import type { ClientTag, Handlers } from './handler.ts';
import { createHistoryHandlers } from './history.ts';
import { createHookHandlers } from './hooks.ts';
import { createLifecycleHandlers } from './lifecycle.ts';
import { createNamingHandlers } from './naming.ts';
import { createReviewsHandlers } from './reviews.ts';
import { createShellHandlers } from './shell.ts';
import { createSubscriptionHandlers, type Subscriptions } from './subscriptions.ts';
import { createTurnsHandlers } from './turns.ts';

/** What handlers work with beside the heart of the house. */
export interface HandlersDeps {
  core: Core;
  subscriptions: Subscriptions;
  providers: Providers;
  shells: Shells;
  images: Images;
  browse: Browse;
  /** The user's home: what `~` means. */
  home: string;
  takeHook: (hook: Hook, meta: HookMeta) => Promise<void>;
  log: Logger;
}

/** One handler for each type of message; a type without one does not compile. */
export function createHandlers(deps: HandlersDeps): Handlers<ClientTag> {
  const { core, subscriptions, providers, shells, images, browse, home, log } = deps;
  const { writer, sessions, links, registry, listFeed, threads } = core;
  const forks = createForks({ providers, links, registry, listFeed });
  const lifecycle = { providers, sessions, links, forks, registry, subscriptions, listFeed, home };
  return {
    ...createSubscriptionHandlers(subscriptions),
    ...createHookHandlers(deps.takeHook),
    ...createLifecycleHandlers(lifecycle),
    ...createTurnsHandlers({ sessions, images, links }),
    ...createApprovalsHandlers({ sessions, links, subscriptions }),
    ...createNamingHandlers({ sessions }),
    ...createHistoryHandlers({ writer, sessions }),
    ...createReviewsHandlers({ writer, sessions }),
    ...createShellHandlers({ shells, sessions, home }),
    ...createAccountHandlers(providers),
    ...createCatalogHandlers({ providers, threads, writer }),
    ...createBrowseHandlers({ writer, browse, providers, log }),
  };
}
