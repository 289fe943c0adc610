import { Code } from '@connectrpc/connect';
import { expect, it } from 'vitest';
import { xlError } from './xl.ts';

const cases: readonly (readonly [stderr: string, code: Code, said: string])[] = [
  ['failed to free memory for the domain\n', Code.ResourceExhausted, 'failed to free memory for the domain'],
  [
    "xc: error: panic: xc_dom_boot.c:120: xc_dom_boot_mem_init: can't allocate low memory for domain: Out of memory\nlibxl: error: libxl_dom.c:637:libxl__build_dom: xc_dom_boot_mem_init failed: Cannot allocate memory\n",
    Code.ResourceExhausted,
    'Out of memory',
  ],
  ['protect-1 is an invalid domain identifier (rc=-6)\n', Code.NotFound, 'invalid domain identifier'],
  [
    'libxl: error: libxl_linux.c:99:x: Domain 3:script: /dev/loop9 is not a block device\n',
    Code.FailedPrecondition,
    'script: /dev/loop9 is not a block device',
  ],
  [
    'xc: error: panic: xc_dom_core.c:689: xc_dom_find_loader: no loader found: Invalid kernel\n',
    Code.FailedPrecondition,
    'no loader found',
  ],
  ['something else entirely\n', Code.Internal, 'something else entirely'],
  ['', Code.Internal, 'xl gave no reason'],
];

it.each(cases)('understands %j', (stderr, code, said) => {
  const error = xlError('zone 1 could not be started', stderr);
  expect(error.code).toBe(code);
  expect(error.rawMessage).toContain(`zone 1 could not be started: `);
  expect(error.rawMessage).toContain(said);
});

it("leaves out libxl's own sources and repetitions", () => {
  const line =
    'libxl: error: libxl_create.c:1876:domcreate_attach_devices: Domain 7:unable to add disk devices\n';
  expect(xlError('it failed', line + line).rawMessage).toBe('it failed: unable to add disk devices');
});
