import { Code, ConnectError } from '@connectrpc/connect';
import { newZoneId } from '@protect/config/ids';
import { type Event, EventSchema, Form, type Hello, ResponseSchema } from '@protect/proto/idm';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { DomainEnd } from '../hypervisor/hypervisor.ts';
import type { IdmConnection } from './connection.ts';
import { startIdmLink } from './link.ts';
import { frameOf, TestZone } from './test-zone.ts';

const logger = pino({ level: 'silent' });

function fakeDomain() {
  const zones: TestZone[] = [];
  const ended = Promise.withResolvers<DomainEnd>();
  let opened: (() => void) | undefined;
  return {
    zoneId: newZoneId(),
    ended: ended.promise,
    end: () => ended.resolve({ kind: 'poweroff' as const }),
    failures: 0,
    async openIdm(signal: AbortSignal) {
      signal.throwIfAborted();
      if (this.failures > 0) {
        this.failures--;
        throw new ConnectError('not yet', Code.Unavailable);
      }
      const zone = new TestZone();
      zones.push(zone);
      opened?.();
      return zone.host;
    },
    /** The zone's end of the connection with this number, from 0. */
    async zone(index: number): Promise<TestZone> {
      for (;;) {
        const zone = zones[index];
        if (zone) return zone;
        await new Promise<void>((resolve) => {
          opened = resolve;
        });
      }
    },
  };
}

const never = new AbortController().signal;

describe('an IDM link', () => {
  it('reports the hello before any event, and the inventory even in the same bytes', async () => {
    const domain = fakeDomain();
    const seen: string[] = [];
    const link = startIdmLink({
      domain,
      logger,
      version: '1',
      onConnected: (_: IdmConnection, hello: Hello) => seen.push(`hello ${hello.version}`),
      onEvent: ({ event }: Event) => seen.push(event.case ?? ''),
    });
    const zone = await domain.zone(0);
    await zone.event({ case: 'hello', value: {} });
    const { id } = await zone.take(Form.REQUEST);
    const hello = { case: 'hello' as const, value: { protocolMin: 1, protocolMax: 1, version: 'z1' } };
    const inventory = { case: 'inventory' as const, value: {} };
    const together = [
      frameOf(id, Form.RESPONSE, ResponseSchema, { response: hello }),
      frameOf(2n, Form.EVENT, EventSchema, { event: inventory }),
    ];
    await zone.write(Buffer.concat(together));
    const connection = await link.connected(never);
    const answer = connection.request({ case: 'ping', value: {} });
    await zone.respond((await zone.take()).id, { case: 'ping', value: {} });
    await answer;
    expect(seen).toEqual(['hello z1', 'inventory']);
    expect(link.hello?.version).toBe('z1');
    await link.close();
    expect(zone.host.destroyed).toBe(true);
  });

  it('asks again when the zone lost the first hello', async () => {
    const domain = fakeDomain();
    const link = startIdmLink({ domain, logger, version: '1' });
    const zone = await domain.zone(0);
    const lost = await zone.take(Form.REQUEST);
    await zone.answerHello({ version: 'late' });
    await link.connected(never);
    expect(link.hello?.version).toBe('late');
    expect(lost.deadlineMs).toBeLessThan(1_000);
    await link.close();
  });

  it('connects again after failures and after a lost channel', async () => {
    const domain = fakeDomain();
    domain.failures = 2;
    const link = startIdmLink({ domain, logger, version: '1' });
    const first = await domain.zone(0);
    await first.answerHello();
    const before = await link.connected(never);
    first.stream.end();
    await before.closed;
    const second = await domain.zone(1);
    await second.answerHello({ version: 'again' });
    expect(await link.connected(never)).not.toBe(before);
    await link.close();
  });

  it('says UNAVAILABLE once the zone has ended, and CANCELED on abort', async () => {
    const domain = fakeDomain();
    const link = startIdmLink({ domain, logger, version: '1' });
    const abort = new AbortController();
    const canceled = link.connected(abort.signal);
    const waiting = link.connected(never);
    abort.abort();
    await expect(canceled).rejects.toMatchObject({ code: Code.Canceled });
    domain.end();
    await expect(waiting).rejects.toMatchObject({ code: Code.Unavailable });
    await link.close();
  });
});
