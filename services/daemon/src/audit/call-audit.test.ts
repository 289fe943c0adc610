import { Code, ConnectError, createClient, createRouterTransport } from '@connectrpc/connect';
import { ControlService } from '@protect/proto/control';
import { describe, expect, it } from 'vitest';
import { busCallValues, callerKey } from '../callers/caller.ts';
import type { ControlMethods } from '../control/deps.ts';
import { createCallAudit } from './call-audit.ts';
import type { CallRecord } from './call-record.ts';

/** A client of an audited server, and the records so far. */
function audited(methods: Partial<ControlMethods>) {
  const records: CallRecord[] = [];
  const { begin, interceptor } = createCallAudit((record) => void records.push(record));
  const transport = createRouterTransport((router) => void router.service(ControlService, methods), {
    router: {
      requestGate(context) {
        context.values.set(callerKey, busCallValues('cri').get(callerKey));
        begin(context);
      },
      interceptors: [interceptor],
    },
  });
  return { client: createClient(ControlService, transport), records };
}

const shape = ({ phase, method, code, object }: CallRecord) => ({ phase, method, code, object });

describe('the audit', () => {
  it('has one record of a unary call: who, when, what about, how it went and how long', async () => {
    const { client, records } = audited({ createZone: () => ({ zoneId: 'z' }) });
    const before = Date.now();
    await client.createZone({ spec: { name: 'web' } });
    expect(records.map(shape)).toEqual([
      { phase: 'call', method: 'CreateZone', code: 'ok', object: { name: 'web', zone: 'z' } },
    ]);
    const [record] = records;
    expect(record).toMatchObject({ caller: { kind: 'service', name: 'cri' }, protocol: 'connect' });
    expect(record?.time.getTime()).toBeGreaterThanOrEqual(before);
    expect(record?.durationMs).toBeGreaterThan(0);
  });

  it('has the code of a call that failed', async () => {
    const { client, records } = audited({
      getZone() {
        throw new ConnectError('there is no zone', Code.NotFound);
      },
    });
    await expect(client.getZone({ zoneId: 'z' })).rejects.toThrow();
    expect(records.map(shape)).toEqual([
      { phase: 'call', method: 'GetZone', code: 'not_found', object: { zone: 'z' } },
    ]);
  });

  it('has two records of a stream, with the same name', async () => {
    const { client, records } = audited({
      async *pullImage() {
        yield {};
        throw new ConnectError('the registry is away', Code.Unavailable);
      },
    });
    const stream = client.pullImage({ image: 'busybox' })[Symbol.asyncIterator]();
    await stream.next();
    expect(records.map(shape)).toEqual([
      { phase: 'begin', method: 'PullImage', code: undefined, object: { image: 'busybox' } },
    ]);
    await expect(stream.next()).rejects.toThrow();
    expect(records.map(shape).slice(1)).toEqual([
      { phase: 'end', method: 'PullImage', code: 'unavailable', object: { image: 'busybox' } },
    ]);
    expect(records[1]?.call).toBe(records[0]?.call);
  });

  it('has the end of a stream whose caller goes away, and of one that never said what it is about', async () => {
    const { client, records } = audited({
      async *watchEvents(_request, { signal }) {
        yield {};
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
      async *attachZoneConsole(requests) {
        for await (const _ of requests);
        yield {};
      },
    });
    const abort = new AbortController();
    const stream = client.watchEvents({}, { signal: abort.signal })[Symbol.asyncIterator]();
    await stream.next();
    abort.abort();
    await expect(stream.next()).rejects.toMatchObject({ code: Code.Canceled });
    expect(records.map(({ phase, code }) => [phase, code])).toEqual([
      ['begin', undefined],
      ['end', 'canceled'],
    ]);
    for await (const _ of client.attachZoneConsole((async function* () {})()));
    expect(records.slice(2).map(({ phase, code }) => [phase, code])).toEqual([
      ['begin', undefined],
      ['end', 'ok'],
    ]);
  });
});
