import type { FieldViolation } from '../invalid-argument.ts';
import { kernelCmdlineBytesMax, kernelModulesMax, moduleParametersMax, sysctlsMax } from '../limits.ts';
import type { ZoneSpec } from '../state/zone-record.ts';

type KernelOptions = ZoneSpec['kernelOptions'];

const moduleName = /^[A-Za-z0-9_-]{1,64}$/;
/** What the zone has room for, all parameters of one module together. */
const parameterBytesMax = 1000;
const sysctlKeyBytesMax = 127;
const sysctlValueBytesMax = 255;

/** What is wrong with the kernel options of a zone; whether its kernel knows a name is for the zone to say. */
export function* kernelViolations(options: KernelOptions): Generator<FieldViolation> {
  yield* cmdlineViolations(options);
  yield* moduleViolations(options);
  yield* parameterViolations(options.moduleParameters);
  yield* sysctlViolations(options.sysctls);
}

function* cmdlineViolations({ cmdline, cmdlineAppend }: KernelOptions): Generator<FieldViolation> {
  const words = [...cmdline, cmdlineAppend].join(' ');
  const field = cmdlineAppend === '' ? 'spec.kernel_options.cmdline' : 'spec.kernel_options.cmdline_append';
  if (/\p{Cc}/u.test(words)) {
    yield { field, description: 'the kernel command line has control characters; leave them out' };
  }
  if (Buffer.byteLength(words) > kernelCmdlineBytesMax) {
    yield { field, description: `the kernel command line is longer than ${kernelCmdlineBytesMax} bytes` };
  }
}

function* moduleViolations({ modules, moduleParameters }: KernelOptions): Generator<FieldViolation> {
  const field = 'spec.kernel_options.modules';
  for (const [index, module] of modules.entries()) {
    if (moduleName.test(module)) continue;
    yield { field: `${field}[${index}]`, description: noModule(module) };
  }
  const all = new Set([...modules, ...moduleParameters.map(({ module }) => module)]);
  if (all.size <= kernelModulesMax) return;
  yield { field, description: `${all.size} kernel modules; at most ${kernelModulesMax} are taken` };
}

function* parameterViolations(parameters: KernelOptions['moduleParameters']): Generator<FieldViolation> {
  const field = 'spec.kernel_options.module_parameters';
  const texts = new Map<string, string[]>();
  for (const [index, { module, parameter }] of parameters.entries()) {
    if (!moduleName.test(module)) yield { field: `${field}[${index}].module`, description: noModule(module) };
    if (!/^[A-Za-z0-9_-]+(=[!#-~]*)?$/.test(parameter)) {
      const remedy = 'write name or name=value, without blanks and quotation marks';
      const description = `${JSON.stringify(parameter)} is no module parameter; ${remedy}`;
      yield { field: `${field}[${index}].parameter`, description };
    }
    texts.set(module, [...(texts.get(module) ?? []), parameter]);
  }
  for (const [module, own] of texts) {
    if (own.length > moduleParametersMax) {
      const description = `module ${module} has ${own.length} parameters; at most ${moduleParametersMax} are taken`;
      yield { field, description };
    } else if (own.join(' ').length > parameterBytesMax) {
      const description = `the parameters of module ${module} have more than ${parameterBytesMax} bytes`;
      yield { field, description };
    }
  }
}

function* sysctlViolations(sysctls: KernelOptions['sysctls']): Generator<FieldViolation> {
  const field = 'spec.kernel_options.sysctl_parameters';
  if (sysctls.length > sysctlsMax) {
    yield { field, description: `${sysctls.length} sysctls; at most ${sysctlsMax} are taken` };
  }
  for (const [index, { key, value }] of sysctls.entries()) {
    const isKey = /^[A-Za-z0-9_][A-Za-z0-9_./:@-]*$/.test(key) && !key.includes('..');
    if (!isKey || key.length > sysctlKeyBytesMax) {
      const description = `${JSON.stringify(key)} is no sysctl; names are such as net.ipv4.ip_forward`;
      yield { field: `${field}[${index}].key`, description };
    }
    if (/[^\P{Cc}\t]/u.test(value) || value === '' || Buffer.byteLength(value) > sysctlValueBytesMax) {
      const description = `sysctl ${key} cannot be ${JSON.stringify(value)}; give one line of 1 to ${sysctlValueBytesMax} bytes`;
      yield { field: `${field}[${index}].value`, description };
    }
  }
}

function noModule(name: string): string {
  return `${JSON.stringify(name)} is no module name; names are such as br_netfilter, without path and ending`;
}
