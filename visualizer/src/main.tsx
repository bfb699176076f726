/** Starts the page: theme, charts, the connection to the server, the address, keys; then draws it. */
import { render } from 'preact';
import './ui/theme.css';
import './ui/base.css';
import './ui/parts.css';
import './ui/frame.css';
import './ui/dialog.css';
import './ui/virtual-list.css';
import './chart/chart.css';
import './chart/folds.css';
import { App } from './app.tsx';
import { startNotices } from './browser-notifications.ts';
import { loadCharts } from './charts.ts';
import { watchHealth } from './health.ts';
import { startInboxQueue } from './inbox-queue.ts';
import { startKeys } from './keys.ts';
import { startQueue } from './message-queue.ts';
import { notice, stats } from './page-state.ts';
import { startAnnouncer } from './panels/announcer.tsx';
import { startReading } from './read-marks.ts';
import { startRouting } from './route.ts';
import { SERVER_URL } from './server-url.ts';
import { startConversation } from './session-client.ts';
import { startTheme } from './theme.ts';
import { startTimeline } from './timeline/timeline-state.ts';
import { pairFromAddress } from './token.ts';
import { connect } from './transport.ts';
import { startPushWorker } from './web-push.ts';

declare global {
  interface Window {
    /** Counters, for tests and for the curious. */
    __viz?: { stats: typeof stats };
  }
}

// Relative to the address that the page was asked for; the address changes with what is shown.
for (const link of document.querySelectorAll<HTMLLinkElement>('link[rel=icon], link[rel=manifest]'))
  link.href = `${link.href}`;
startTheme();
void loadCharts();
// Before the address is read as a place of the page, and before any connection.
const unpaired = await pairFromAddress(SERVER_URL);
startRouting();
connect();
if (unpaired !== null) notice.value = unpaired;
startConversation();
startTimeline();
startKeys();
startAnnouncer();
startInboxQueue();
startNotices();
startPushWorker();
startReading();
startQueue();
watchHealth();
window.__viz = { stats };
const host = document.getElementById('app');
if (host) render(<App />, host);
