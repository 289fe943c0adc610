import { setTimeout as delay } from 'node:timers/promises';
import { ConnectError } from '@connectrpc/connect';
import type { Cli } from '../cli.ts';
import { showsColours } from '../colours.ts';
import { interruptedExitCode } from '../command-error.ts';
import { createSampler, type TopSample } from './sample.ts';
import { type Key, openScreen } from './screen.ts';
import { sortOrders, type TopView, topFrame } from './view.ts';

/** Shows the zones until the user quits; a daemon that goes away is waited for. */
export async function runTop(cli: Cli, delayMs: number): Promise<void> {
  const stop = new AbortController();
  const takeSample = createSampler(cli.control);
  // Before the screen is taken: a daemon that is not there is an error like any other.
  let sample: TopSample = await takeSample(stop.signal);
  let view: TopView = { sort: 'name', scroll: 0, notice: undefined };
  const ended = Promise.withResolvers<void>();
  const quit = () => ended.resolve();

  function draw(): void {
    const colours = showsColours(cli.stdout, cli.env);
    const { lines, scroll } = topFrame(sample, view, screen.size(), { colours, nowMs: Date.now() });
    view = { ...view, scroll };
    screen.draw(lines);
  }

  function pressed(key: Key): void {
    if (key === 'interrupt') cli.setExitCode(interruptedExitCode);
    if (key === 'quit' || key === 'interrupt') {
      quit();
      return;
    }
    view = stepped(view, key, screen.size().rows);
    draw();
  }

  async function follow(): Promise<void> {
    while (!stop.signal.aborted) {
      await delay(delayMs, undefined, { signal: stop.signal });
      try {
        sample = await takeSample(stop.signal);
        view = { ...view, notice: undefined };
      } catch (error) {
        if (stop.signal.aborted) return;
        view = { ...view, notice: `no news: ${ConnectError.from(error).rawMessage}` };
      }
      draw();
    }
  }

  const screen = openScreen(cli, pressed, draw);
  cli.interrupted.addEventListener('abort', quit);
  try {
    draw();
    const following = follow();
    // It ends by the signal below.
    following.catch(() => undefined);
    await ended.promise;
  } finally {
    cli.interrupted.removeEventListener('abort', quit);
    stop.abort();
    screen.close();
  }
}

/** The view after a key that does not end it. */
export function stepped(view: TopView, key: Exclude<Key, 'quit' | 'interrupt'>, rows: number): TopView {
  const page = Math.max(1, rows - 6);
  switch (key) {
    case 'sort': {
      const next = (sortOrders.indexOf(view.sort) + 1) % sortOrders.length;
      return { ...view, sort: sortOrders[next] ?? 'name' };
    }
    case 'up':
      return { ...view, scroll: view.scroll - 1 };
    case 'down':
      return { ...view, scroll: view.scroll + 1 };
    case 'page-up':
      return { ...view, scroll: view.scroll - page };
    case 'page-down':
      return { ...view, scroll: view.scroll + page };
  }
}
