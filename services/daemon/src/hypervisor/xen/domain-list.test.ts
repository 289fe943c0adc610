import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ListedDomain, parseDomainList } from './domain-list.ts';

const header =
  'Name                                        ID   Mem VCPUs\tState\tTime(s)   UUID                            Reason-Code\tSecurity Label\n';
const letters = '-rscwS?';
const reasons = ['poweroff', 'reboot', 'suspend', 'crash', 'watchdog', 'soft-reset', 'unknown'] as const;

/** A line as xl prints it. */
function line(domain: ListedDomain, running: boolean, seconds: number): string {
  const { domid, name, uuid, memoryMib, paused, dying, shutdown } = domain;
  const reason = shutdown === undefined ? 0 : reasons.indexOf(shutdown);
  const state = [
    running ? 'r' : '-',
    running ? '-' : 'b',
    paused ? 'p' : '-',
    shutdown === undefined ? '-' : 's',
    letters[reason],
    dying ? 'd' : '-',
  ].join('');
  const code = shutdown === undefined ? '-' : reason.toString(16);
  const numbers = `${String(domid).padStart(5)} ${String(memoryMib).padStart(5)} ${'2'.padStart(5)}`;
  const time = seconds.toFixed(1).padStart(8);
  return `${name.padEnd(40)} ${numbers}     ${state}  ${time} ${uuid} ${code.padStart(8)} ${'-'.padStart(16)}\n`;
}

const anyDomain: fc.Arbitrary<ListedDomain> = fc.record({
  domid: fc.nat({ max: 32_751 }),
  name: fc.oneof(
    fc.constant('(null)'),
    fc.string({ minLength: 1 }).map((name) => name.trim()),
    fc.constant('a name 3 512 2 -b---- 1.0 with fields'),
  ),
  uuid: fc.uuid(),
  memoryMib: fc.nat(),
  paused: fc.boolean(),
  dying: fc.boolean(),
  shutdown: fc.option(fc.constantFrom(...reasons), { nil: undefined }),
});

describe('parseDomainList', () => {
  it('reads what xl prints', () => {
    const text = `${header}Domain-0                                     0  2048     2     r-----      34.5 00000000-0000-0000-0000-000000000000        -                -
protect-9f2c6e0a-5a55-4c0e-8a37-5a3b6f6f2a01     3   128     1     ---s--       4.2 9f2c6e0a-5a55-4c0e-8a37-5a3b6f6f2a01        0                -
(null)                                       4     0     1     --psrd       4.2 19f2c6e0-5a55-4c0e-8a37-5a3b6f6f2a01        1                -
`;
    const known = { paused: false, dying: false, shutdown: undefined };
    expect(parseDomainList(text)).toEqual([
      {
        ...known,
        domid: 0,
        name: 'Domain-0',
        uuid: '00000000-0000-0000-0000-000000000000',
        memoryMib: 2048,
      },
      {
        ...known,
        domid: 3,
        name: 'protect-9f2c6e0a-5a55-4c0e-8a37-5a3b6f6f2a01',
        uuid: '9f2c6e0a-5a55-4c0e-8a37-5a3b6f6f2a01',
        memoryMib: 128,
        shutdown: 'poweroff',
      },
      {
        domid: 4,
        name: '(null)',
        uuid: '19f2c6e0-5a55-4c0e-8a37-5a3b6f6f2a01',
        memoryMib: 0,
        paused: true,
        dying: true,
        shutdown: 'reboot',
      },
    ]);
  });

  it('reads any domain, whatever its name', () => {
    const domains = fc.array(fc.tuple(anyDomain, fc.boolean(), fc.nat({ max: 1e7 })));
    fc.assert(
      fc.property(domains, (rows) => {
        const text = header + rows.map((row) => line(...row)).join('');
        expect(parseDomainList(text)).toEqual(rows.map(([domain]) => domain));
      }),
    );
  });

  it('refuses what it does not understand, so that no zone is taken for gone', () => {
    expect(() => parseDomainList('')).toThrow('names of its columns');
    expect(() => parseDomainList(`${header}Domain-0 is well\n`)).toThrow('Domain-0 is well');
  });
});
