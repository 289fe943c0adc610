import { Code } from '@connectrpc/connect';
import { expect, it } from 'vitest';
import { xlError } from './xl.ts';

const cases: readonly (readonly [stderr: string, code: Code, said: string])[] = [
  ['failed to free memory for the domain\n', Code.ResourceExhausted, 'failed to free memory for the domain'],
  [
    `got a tsc mode string: "native"
xc: error: panic: xg_dom_boot.c:119: xc_dom_boot_mem_init: can't allocate low memory for domain: Out of memory
libxl: error: libxl_dom.c:636:libxl__build_dom: xc_dom_boot_mem_init failed: Cannot allocate memory
libxl: error: libxl_create.c:1640:domcreate_rebuild_done: Domain 3:cannot (re-)build domain: -3
`,
    Code.ResourceExhausted,
    "can't allocate low memory for domain: Out of memory",
  ],
  [
    "xc: error: panic: xg_dom_core.c:205: failed to open file '/no/kernel': No such file or directory: Internal error\n",
    Code.FailedPrecondition,
    "failed to open file '/no/kernel': No such file or directory",
  ],
  [
    'protect-1 is an invalid domain identifier (rc=-6)\n',
    Code.NotFound,
    'protect-1 is an invalid domain identifier (rc=-6)',
  ],
  [
    'xc: error: panic: xg_dom_core.c:689: xc_dom_find_loader: no loader found: Invalid kernel\n',
    Code.FailedPrecondition,
    'no loader found: Invalid kernel',
  ],
  [
    'libxl: error: libxl_create.c:1876:domcreate_attach_devices: Domain 7:unable to add disk devices\n',
    Code.Internal,
    'unable to add disk devices',
  ],
  ['something else entirely\n', Code.Internal, 'something else entirely'],
  ['', Code.Internal, 'xl gave no reason'],
];

it.each(cases)('understands %j', (stderr, code, said) => {
  const error = xlError('zone 1 could not be started', stderr);
  expect(error.code).toBe(code);
  expect(error.rawMessage).toBe(`zone 1 could not be started: ${said}`);
});
