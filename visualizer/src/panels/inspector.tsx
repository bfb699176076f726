/**
 * The side column: tabs of what is known of the session beside what it said. "Now" is beside the conversation,
 * the others beside the chart. On a phone its parts are views of their own and a shorter row of tabs.
 */
import type { FunctionComponent } from 'preact';
import { TABS, type Tab, tab } from '../route.ts';
import { isPhone } from '../ui/small-screen.ts';
import { Context } from './context.tsx';
import { DryRunPanel } from './dry-run.tsx';
import { Events } from './events.tsx';
import { Now } from './now-panel.tsx';
import { Outline } from './outline.tsx';
import { Sequence } from './sequence.tsx';
import { Journal } from './timeline.tsx';
import { MomentPanel } from './timeline-details.tsx';
import { Why } from './why.tsx';
import './inspector.css';

const PANELS: Record<Tab, { title: string; Panel: FunctionComponent }> = {
  session: { title: 'Now', Panel: Now },
  states: { title: 'States', Panel: Outline },
  timeline: { title: 'Timeline', Panel: () => (isPhone.value ? <Journal /> : <MomentPanel />) },
  why: { title: 'Why?', Panel: Why },
  events: { title: 'Events', Panel: Events },
  sequence: { title: 'Sequence', Panel: Sequence },
  context: { title: 'Context', Panel: Context },
  try: { title: 'Try', Panel: DryRunPanel },
};

interface Props {
  /** The tabs offered; a phone has views for some. */
  tabs?: readonly Tab[];
}

/** Tabs and what the chosen one shows. */
export function Inspector({ tabs = TABS }: Props) {
  const current = tabs.includes(tab.value) ? tab.value : (tabs[1] ?? 'events');
  const { Panel, title } = PANELS[current];
  return (
    <section class="inspector" aria-label="Inspector">
      <div
        class="tabs"
        role="tablist"
        aria-label="Inspector"
        onKeyDown={(event) => {
          const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
          if (by === undefined) return;
          event.preventDefault();
          event.stopPropagation();
          const next = tabs[(tabs.indexOf(current) + by + tabs.length) % tabs.length] ?? current;
          tab.value = next;
          document.getElementById(`tab-${next}`)?.focus();
        }}
      >
        {tabs.map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`tab-${name}`}
            aria-selected={name === current}
            aria-controls="tab-panel"
            tabIndex={name === current ? 0 : -1}
            onClick={() => {
              tab.value = name;
            }}
          >
            {PANELS[name].title}
          </button>
        ))}
      </div>
      <div
        key={current}
        class="tab-panel"
        id="tab-panel"
        role="tabpanel"
        aria-label={title}
        tabIndex={0}
      >
        <h2 class="visually-hidden">{title}</h2>
        <Panel />
      </div>
    </section>
  );
}
