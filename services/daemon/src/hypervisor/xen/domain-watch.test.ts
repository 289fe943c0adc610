import { pino } from 'pino';
import { expect, it, vi } from 'vitest';
import type { ListedDomain } from './domain-list.ts';
import { createDomainWatch, type WatchDomains } from './domain-watch.ts';

const logger = pino({ level: 'silent' });

/** A host whose domains are listed when the test says so. */
function fakeHost() {
  const looks: PromiseWithResolvers<readonly ListedDomain[]>[] = [];
  const watchers: { event: () => void; end: () => void; stopped: boolean }[] = [];
  const list = () => {
    const look = Promise.withResolvers<readonly ListedDomain[]>();
    looks.push(look);
    return look.promise;
  };
  const watchDomains: WatchDomains = (event) => {
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const watcher = { event, end, stopped: false };
    watchers.push(watcher);
    return {
      ended,
      stop() {
        watcher.stopped = true;
        end();
      },
    };
  };
  return { looks, watchers, watch: createDomainWatch({ list, watchDomains, logger, retryMs: 1 }) };
}

function domain(domid: number): ListedDomain {
  return {
    domid,
    name: `d${domid}`,
    uuid: '',
    memoryMib: 128,
    paused: false,
    dying: false,
    shutdown: undefined,
  };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await Promise.resolve();
}

it('shares one look among all who asked while another was under way', async () => {
  const { looks, watch } = fakeHost();
  const signal = new AbortController().signal;
  const first = watch.look(signal);
  const later = [watch.look(signal), watch.look(signal)];
  expect(looks).toHaveLength(1);
  looks[0]?.resolve([domain(1)]);
  expect(await first).toEqual([domain(1)]);
  await settle();
  expect(looks).toHaveLength(2);
  looks[1]?.resolve([domain(2)]);
  expect(await Promise.all(later)).toEqual([[domain(2)], [domain(2)]]);
});

it('tells a follower no list that is older than its following', async () => {
  const { looks, watchers, watch } = fakeHost();
  const old = watch.look(new AbortController().signal);
  const seen: (readonly ListedDomain[])[] = [];
  const unfollow = watch.follow((domains) => seen.push(domains));
  looks[0]?.resolve([]);
  await old;
  expect(seen).toEqual([]);
  watchers[0]?.event();
  looks[1]?.resolve([domain(3)]);
  await settle();
  expect(seen).toEqual([[domain(3)]]);
  unfollow();
});

it('looks once for many events, and again for those that came meanwhile', async () => {
  const { looks, watchers, watch } = fakeHost();
  const unfollow = watch.follow(() => undefined);
  for (let event = 0; event < 5; event++) watchers[0]?.event();
  expect(looks).toHaveLength(1);
  looks[0]?.resolve([]);
  await settle();
  expect(looks).toHaveLength(2);
  unfollow();
});

it('starts its watcher for the first follower, again when it dies, and stops it after the last', async () => {
  const { watchers, watch } = fakeHost();
  expect(watchers).toHaveLength(0);
  const unfollows = [watch.follow(() => undefined), watch.follow(() => undefined)];
  expect(watchers).toHaveLength(1);
  watchers[0]?.end();
  await vi.waitFor(() => expect(watchers).toHaveLength(2));
  for (const unfollow of unfollows) unfollow();
  expect(watchers[1]?.stopped).toBe(true);
});

it('looks again after a failure, and tells those who asked of it', async () => {
  const { looks, watchers, watch } = fakeHost();
  const seen: (readonly ListedDomain[])[] = [];
  const unfollow = watch.follow((domains) => seen.push(domains));
  watchers[0]?.event();
  looks[0]?.reject(new Error('xenstored is away'));
  await vi.waitFor(() => expect(looks).toHaveLength(2));
  looks[1]?.resolve([domain(1)]);
  await settle();
  expect(seen).toEqual([[domain(1)]]);
  const asked = watch.look(new AbortController().signal);
  looks[2]?.reject(new Error('still away'));
  await expect(asked).rejects.toThrow('still away');
  unfollow();
});
