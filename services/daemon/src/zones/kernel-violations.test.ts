import { expect, test } from 'vitest';
import type { ZoneSpec } from '../state/zone-record.ts';
import { kernelViolations } from './kernel-violations.ts';
import { askedZoneSpec } from './test-zone.ts';

type KernelOptions = ZoneSpec['kernelOptions'];

const fieldsOf = (more: Partial<KernelOptions>) =>
  [...kernelViolations({ ...askedZoneSpec().kernelOptions, ...more })].map(({ field, description }) => {
    expect(description).not.toBe('');
    return field.replace('spec.kernel_options.', '');
  });

test.each<[string, Partial<KernelOptions>]>([
  ['words of the command line', { cmdline: ['a=b', 'c="d e"'], cmdlineAppend: 'x y' }],
  ['modules', { modules: ['br_netfilter', 'sch-htb'] }],
  ['parameters', { moduleParameters: [{ module: 'dummy', parameter: 'numdummies=2' }] }],
  ['a parameter that is a switch', { moduleParameters: [{ module: 'loop', parameter: 'verbose' }] }],
  ['sysctls with dots', { sysctls: [{ key: 'net.ipv4.ip_local_port_range', value: '1024\t65000' }] }],
  ['sysctls with slashes', { sysctls: [{ key: 'net/ipv4/conf/eth0.1/forwarding', value: '1' }] }],
])('%s are taken', (_, options) => {
  expect(fieldsOf(options)).toEqual([]);
});

test.each<[string, string, Partial<KernelOptions>]>([
  ['cmdline', 'a line break', { cmdline: ['a\nb'] }],
  ['cmdline_append', 'too many bytes', { cmdlineAppend: 'x'.repeat(1025) }],
  ['modules[1]', 'a path', { modules: ['loop', '../evil'] }],
  ['modules', 'too many', { modules: Array.from({ length: 65 }, (_, index) => `m${index}`) }],
  ['module_parameters[0].module', 'no module', { moduleParameters: [{ module: '', parameter: 'a=1' }] }],
  [
    'module_parameters[0].parameter',
    'two parameters in one',
    { moduleParameters: [{ module: 'm', parameter: 'a=1 b=2' }] },
  ],
  ['module_parameters[0].parameter', 'no name', { moduleParameters: [{ module: 'm', parameter: '=1' }] }],
  [
    'module_parameters',
    'too many of one module',
    { moduleParameters: Array.from({ length: 17 }, () => ({ module: 'm', parameter: 'a=1' })) },
  ],
  [
    'module_parameters',
    'too many bytes for one module',
    { moduleParameters: [{ module: 'm', parameter: `a=${'1'.repeat(1000)}` }] },
  ],
  ['sysctl_parameters[0].key', 'a way out', { sysctls: [{ key: '../../etc/passwd', value: '1' }] }],
  ['sysctl_parameters[0].key', 'an absolute path', { sysctls: [{ key: '/etc/passwd', value: '1' }] }],
  ['sysctl_parameters[0].key', 'nothing', { sysctls: [{ key: '', value: '1' }] }],
  ['sysctl_parameters[0].key', 'a long name', { sysctls: [{ key: 'k'.repeat(128), value: '1' }] }],
  ['sysctl_parameters[0].value', 'two lines', { sysctls: [{ key: 'a.b', value: '1\n2' }] }],
  ['sysctl_parameters[0].value', 'nothing', { sysctls: [{ key: 'a.b', value: '' }] }],
  [
    'sysctl_parameters',
    'too many',
    { sysctls: Array.from({ length: 129 }, (_, index) => ({ key: `a.k${index}`, value: '1' })) },
  ],
])('%s is refused for %s', (field, _, options) => {
  expect(fieldsOf(options)).toEqual([field]);
});
