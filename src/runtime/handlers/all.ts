/** All handlers, group by group: where each group gets what it works with. */
import type { Browse } from '../../host/directory.ts';
import type { Images } from '../../host/images.ts';
import type { Worktrees } from '../../host/worktrees.ts';
import type { Logger } from '../../log.ts';
import type { Hook } from '../../protocol/hook.ts';
import type { Providers } from '../../providers/registry.ts';
import type { Core } from '../core.ts';
import type { Asker, ClientTag, Handlers, HookMeta, Notifications } from '../runtime-api.ts';
import type { Shells } from '../shells.ts';
import { createForks } from '../steering/forks.ts';
import { createApprovalsHandlers } from './approvals.ts';
import { createAccountHandlers, createCatalogHandlers } from './catalog.ts';
import { createHistoryHandlers, createPastHandlers } from './history.ts';
import { createBrowseHandlers, createShellHandlers, createWorktreeHandlers } from './host.ts';
import { createLifecycleHandlers, createNamingHandlers } from './lifecycle.ts';
import { createNotificationHandlers } from './notifications.ts';
import { createReviewsHandlers } from './reviews.ts';
import { createSearchHandlers } from './search.ts';
import { createSubscriptionHandlers, type Subscriptions } from './subscriptions.ts';
import { createTurnsHandlers } from './turns.ts';
import { createUsageHandlers, type RateLimits } from './usage.ts';

/** What handlers work with beside the core of the runtime. */
export interface HandlersDeps {
  core: Core;
  subscriptions: Subscriptions;
  providers: Providers;
  shells: Shells;
  images: Images;
  browse: Browse;
  worktrees: Worktrees;
  /** The user's home: what `~` means. */
  home: string;
  rateLimits: Pick<RateLimits, 'now'>;
  /** Null where notifications are off. */
  notifications: Notifications | null;
  takeHook: (hook: Hook, meta: HookMeta) => Promise<void>;
  log: Logger;
}

/** One handler for each type of message; a type without one does not compile. */
export function createHandlers(deps: HandlersDeps): Handlers<ClientTag> {
  const { core, subscriptions, providers, shells, images, browse, worktrees, home, log } = deps;
  const { writer, sessions, links, answers, registry, listFeed, threads } = core;
  const forks = createForks({ providers, links, registry, listFeed });
  const lifecycle = {
    providers,
    sessions,
    links,
    forks,
    registry,
    subscriptions,
    listFeed,
    worktrees,
    home,
  };
  return {
    ...createSubscriptionHandlers(subscriptions),
    ...createHookHandlers(deps.takeHook),
    ...createLifecycleHandlers(lifecycle),
    ...createTurnsHandlers({ sessions, images, links, providers }),
    ...createApprovalsHandlers({ sessions, links, answers, subscriptions }),
    ...createNamingHandlers({ sessions }),
    ...createHistoryHandlers({ writer, sessions, providers, images }),
    ...createSearchHandlers(writer),
    ...createUsageHandlers(writer, deps.rateLimits),
    ...createPastHandlers({ providers, images, log }),
    ...createNotificationHandlers(deps.notifications, registry),
    ...createReviewsHandlers({ writer, sessions }),
    ...createShellHandlers({ shells, sessions, home }),
    ...createWorktreeHandlers({ worktrees, registry, home }),
    ...createAccountHandlers(providers),
    ...createCatalogHandlers({ providers, threads, writer }),
    ...createBrowseHandlers({ writer, browse, providers, log }),
  };
}

/* Claude's hooks over a socket: the same way in as `POST /api/hook`. */

type HookTag =
  | 'claude_session_start'
  | 'claude_session_end'
  | 'claude_status_event'
  | 'claude_tool_event'
  | 'claude_subagent_event';

/** Handlers of this group. */
function createHookHandlers(
  takeHook: (hook: Hook, meta: HookMeta) => Promise<void>,
): Handlers<HookTag> {
  const take = (message: Hook & { type: HookTag }, { sender: caller }: Asker) =>
    takeHook(message, { origin: 'client', type: message.type, caller });
  return {
    claude_session_start: take,
    claude_session_end: take,
    claude_status_event: take,
    claude_tool_event: take,
    claude_subagent_event: take,
  };
}
