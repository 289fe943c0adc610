import { z } from 'zod';
import { flag, name } from './key-kinds.ts';
import { keyNotes } from './key-notes.ts';

const moduleName = z.string().regex(/^(?!constructor$)[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/);

/** A PCI address in its long form, lower case. */
export const pciLocation = z
  .string()
  .toLowerCase()
  .regex(/^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/)
  .register(keyNotes, {
    meaning: 'One PCI address.',
    allowed: 'domain:bus:device.function in hexadecimal digits, such as "0000:01:00.0"',
  });

/** `[pci.devices.<name>]`: one logical device. */
const pciDevice = z
  .strictObject({
    locations: z
      .array(pciLocation)
      .min(1)
      .max(64)
      .register(keyNotes, {
        meaning:
          'PCI addresses (domain:bus:device.function) of the device; functions that have to go together are listed together.',
        allowed: 'an array of 1 to 64 PCI addresses such as ["0000:01:00.0"]',
        example: ['0000:01:00.0'],
      }),
    permissive: flag(
      false,
      'Let the zone reach parts of the PCI configuration space that the hypervisor otherwise hides. Isolates less.',
    ),
    'msi-translate': flag(false, 'Let the hypervisor translate message signalled interrupts.'),
    'power-management': flag(false, 'Let the zone change the power state of the device.'),
    'rdm-reserve-policy': z.enum(['strict', 'relaxed']).default('strict').register(keyNotes, {
      meaning:
        'What to do when reserved memory regions of the device cannot be honoured: fail (strict) or attach it all the same (relaxed).',
      allowed: '"strict" or "relaxed"',
    }),
    modules: z
      .array(
        moduleName.register(keyNotes, {
          meaning: 'One kernel module.',
          allowed: 'the name of a kernel module such as "nvme"',
        }),
      )
      .max(64)
      .default([])
      .register(keyNotes, {
        meaning: 'Kernel modules that the zone loads for the device, in this order.',
        allowed: 'an array of up to 64 names of kernel modules such as ["nvme"]',
      }),
    'module-parameters': z
      .record(
        moduleName,
        z
          .array(
            z
              .string()
              .regex(/^[^\s\p{Cc}]{1,1024}$/u)
              .register(keyNotes, {
                meaning: 'One parameter.',
                allowed: 'a parameter such as "max_vfs=8", without blanks',
              }),
          )
          .max(64)
          .register(keyNotes, {
            meaning: 'Parameters of one module.',
            allowed: 'an array of up to 64 parameters such as ["max_vfs=8"]',
          }),
      )
      .default({})
      .register(keyNotes, {
        meaning: 'Parameters of these modules, by the name of the module.',
        example: { nvme: ['poll_queues=2'] },
      }),
  })
  .register(keyNotes, { meaning: 'One PCI device, under the name that zones ask for.' });

/** `[pci]`: what zones may be given of the host's PCI devices. */
export const pci = z
  .strictObject({
    devices: z
      .record(name, pciDevice)
      .default({})
      .register(keyNotes, {
        meaning:
          'PCI devices that zones may ask for by name, with protect zone launch --device. An address belongs to one device only.',
        example: { gpu0: { locations: ['0000:01:00.0'] } },
      }),
  })
  .prefault({})
  .register(keyNotes, { meaning: 'PCI devices for zones.' });
