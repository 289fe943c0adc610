import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseClaims, parseInfo, parseTop, parseVcpuList } from './domain-tables.ts';

const zone = 'protect-9f2c6e0a-5a55-4c0e-8a37-5a3b6f6f2a01';

describe('parseVcpuList', () => {
  const header =
    'Name                                ID  VCPU   CPU State   Time(s) Affinity (Hard / Soft)\n';

  it('reads what xl prints, CPUs that are offline included', () => {
    const text = `${header}Domain-0                             0     0    1   r--      34.5  all / all
Domain-0                             0     1    0   -b-      31.0  0-1 / all
${zone}     3     0    1   -b-       4.2  all / 0,2
${zone}     3     1    -   --p       0.0  all / all
`;
    expect(parseVcpuList(text)).toEqual([
      { name: 'Domain-0', domid: 0, vcpu: 0, processor: 1, seconds: 34.5 },
      { name: 'Domain-0', domid: 0, vcpu: 1, processor: 0, seconds: 31 },
      { name: zone, domid: 3, vcpu: 0, processor: 1, seconds: 4.2 },
      { name: zone, domid: 3, vcpu: 1, processor: undefined, seconds: 0 },
    ]);
  });

  it('reads any domain, whatever its name', () => {
    const row = fc.record({
      name: fc.oneof(fc.stringMatching(/^\S[^\n\r]{0,40}\S$/), fc.constant('a 3 0 1 -b- 4.2  all / all b')),
      domid: fc.nat({ max: 32_751 }),
      vcpu: fc.nat({ max: 511 }),
      processor: fc.option(fc.nat({ max: 4095 }), { nil: undefined }),
      tenths: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(row), (all) => {
        const lines = all.map(({ name, domid, vcpu, processor, tenths }) => {
          const numbers = `${String(domid).padStart(5)} ${String(vcpu).padStart(5)}`;
          const state = `${String(processor ?? '-').padStart(5)}   ${processor === undefined ? '--p' : '-b-'}`;
          const seconds = (tenths / 10).toFixed(1).padStart(9);
          return `${name.padEnd(32)} ${numbers}${state} ${seconds}  all / all\n`;
        });
        expect(parseVcpuList(header + lines.join(''))).toEqual(
          all.map(({ name, domid, vcpu, processor, tenths }) => ({
            name: name.trim(),
            domid,
            vcpu,
            processor,
            seconds: Number((tenths / 10).toFixed(1)),
          })),
        );
      }),
    );
  });

  it('refuses what it does not understand', () => {
    expect(() => parseVcpuList('')).toThrow('names of its columns');
    expect(() => parseVcpuList(`${header}Domain-0 is well\n`)).toThrow('Domain-0 is well');
  });
});

describe('parseTop', () => {
  it('reads one round of xentop', () => {
    const text = `      NAME  STATE   CPU(sec) CPU(%)     MEM(k) MEM(%)  MAXMEM(k) MAXMEM(%) VCPUS NETS NETTX(k) NETRX(k) VBDS   VBD_OO   VBD_RD   VBD_WR  VBD_RSECT  VBD_WSECT SSID
  Domain-0 -----r         34    0.0    2097152   50.0   no limit       n/a     2    0        0        0    0        0        0        0          0          0    0
${zone} --b---          4    0.0     130944    3.1     263168       6.3     1    1        3        2    2        0      150        2       7440         16    0
`;
    expect(parseTop(text)).toEqual([
      { name: 'Domain-0', totalKib: 2_097_152, maxKib: undefined },
      { name: zone, totalKib: 130_944, maxKib: 263_168 },
    ]);
  });
});

describe('parseClaims', () => {
  it('reads what is promised and not given yet', () => {
    const text = `Name                                        ID   Mem VCPUs\tState\tTime(s)  Claimed
Domain-0                                     0  2048     2     r-----      34.5      0
${zone}     3   256     1     -b----       4.2    128
`;
    expect(parseClaims(text)).toEqual([
      { name: 'Domain-0', domid: 0, outstandingMib: 0 },
      { name: zone, domid: 3, outstandingMib: 128 },
    ]);
  });
});

describe('parseInfo', () => {
  it('has a value for each name, whatever is in it', () => {
    const text = `host                   : dom0
xen_version            : 4.17.5
virt_caps              : pv
xen_commandline        : placeholder dom0_mem=2048M console=com1 : x
xend_config_format     : 4
cc_compile_by          :
`;
    expect(parseInfo(text)).toMatchObject({
      host: 'dom0',
      xen_version: '4.17.5',
      xen_commandline: 'placeholder dom0_mem=2048M console=com1 : x',
      cc_compile_by: '',
    });
  });
});
