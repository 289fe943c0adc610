import { newWorkloadId, newZoneId } from '@protect/config/ids';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  auditSubject,
  frameSubject,
  idmSubject,
  inboxOwner,
  parseAuditSubject,
  parseEventSubject,
  parseFrameSubject,
  parseIdmSubject,
  parsePresenceSubject,
  parseReplySubject,
  parseRpcSubject,
  presenceSubject,
  replySubject,
  rpcSubject,
  serviceNames,
  workloadEventSubject,
  zoneEventSubject,
} from './subjects.ts';

const service = fc.constantFrom(...serviceNames);
const word = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
const address = fc.record({
  caller: fc.constantFrom(...serviceNames, 'operator' as const, 'reader' as const),
  server: service,
  callId: word,
});

test('subjects: every parser is the inverse of its builder', () => {
  fc.assert(
    fc.property(service, word, address, (name, text, call) => {
      expect(parseRpcSubject(rpcSubject(name, text))).toEqual({ service: name, method: text });
      expect(parseReplySubject(replySubject(call))).toEqual(call);
      expect(inboxOwner(replySubject(call))).toBe(call.caller);
      expect(parseFrameSubject(frameSubject(call))).toEqual(call);
      expect(parseAuditSubject(auditSubject(text))).toBe(text);
      expect(parsePresenceSubject(presenceSubject(name))).toBe(name);
      const [zone, workload] = [newZoneId(), newWorkloadId()];
      expect(parseEventSubject(zoneEventSubject(zone, text))).toEqual({
        kind: 'zone',
        id: zone,
        state: text,
      });
      expect(parseEventSubject(workloadEventSubject(workload, text))).toEqual({
        kind: 'workload',
        id: workload,
        state: text,
      });
      expect(parseIdmSubject(idmSubject(zone, 'to-zone'))).toEqual({ id: zone, direction: 'to-zone' });
    }),
  );
});

test('subjects: nothing with a dot, wildcard, blank or line end gets into one', () => {
  for (const text of ['', 'a.b', '*', '>', 'a b', 'a\r\nPUB x 0', 'x'.repeat(65)]) {
    expect(() => rpcSubject('daemon', text)).toThrow(TypeError);
    expect(() => auditSubject(text)).toThrow(TypeError);
    expect(() => zoneEventSubject(newZoneId(), text)).toThrow(TypeError);
    expect(() => frameSubject({ caller: 'cri', server: 'daemon', callId: text })).toThrow(TypeError);
  }
});

test('subjects: what belongs to something else is not parsed', () => {
  const foreign = [
    'protect.rpc.daemon.v2.Check',
    'protect.rpc.nobody.v1.Check',
    'protect.rpc.daemon.v1.Check.more',
    '_INBOX_nobody.daemon.x',
    '_INBOX.daemon.x',
    'protect.stream.daemon.cri',
    'protect.events.zone.not-a-uuid.ready',
    'protect.idm.not-a-uuid.to-zone',
    'protect.presence.nobody',
    'protect.audit.Get.Zone',
    '',
  ];
  for (const subject of foreign) {
    const parsed = [
      parseAuditSubject,
      parseRpcSubject,
      parseReplySubject,
      parseFrameSubject,
      parseEventSubject,
      parseIdmSubject,
      parsePresenceSubject,
    ].map((parse) => parse(subject));
    expect(parsed.filter((found) => found !== undefined)).toEqual([]);
  }
});
