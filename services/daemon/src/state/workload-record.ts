import type { WorkloadId, ZoneId } from '@protect/config/ids';
import { parseWorkloadId, parseZoneId } from '@protect/config/ids';
import * as z from 'zod';
import { imageSpec } from './image-spec.ts';

const workloadId = z.string().transform((text, context): WorkloadId => {
  const id = parseWorkloadId(text);
  if (id !== undefined) return id;
  context.addIssue({ code: 'custom', message: `not a workload id: ${text}` });
  return z.NEVER;
});

const zoneId = z.string().transform((text, context): ZoneId => {
  const id = parseZoneId(text);
  if (id !== undefined) return id;
  context.addIssue({ code: 'custom', message: `not a zone id: ${text}` });
  return z.NEVER;
});

const keyValue = z.object({ key: z.string(), value: z.string() });
const account = z.union([z.object({ id: z.number().int() }), z.object({ name: z.string() })]);

/** A process as the caller describes it; what is left empty comes from the image. */
export const processSpec = z.object({
  environment: z.array(keyValue),
  command: z.array(z.string()),
  workingDirectory: z.string(),
  tty: z.boolean(),
  terminalSize: z.object({ rows: z.number().int(), columns: z.number().int() }).optional(),
  user: account.optional(),
  group: account.optional(),
  stdin: z.boolean(),
  additionalGids: z.array(z.number().int()),
});

export type ProcessSpec = z.infer<typeof processSpec>;

export const processNamespaces = ['mount', 'uts', 'ipc', 'user', 'pid', 'net', 'cgroup', 'time'] as const;

export type ProcessNamespace = (typeof processNamespaces)[number];

/** What the container may do; every capability carries its CAP_ prefix. */
export const securitySpec = z.object({
  strictUserNamespace: z.boolean(),
  raiseCapabilities: z.array(z.string()),
  raiseAmbientCapabilities: z.array(z.string()),
  dropCapabilities: z.array(z.string()),
  privileged: z.boolean(),
  disableAllNamespaces: z.boolean(),
  disableNamespaces: z.array(z.enum(processNamespaces)),
  readOnlyRootfs: z.boolean(),
  noNewPrivs: z.boolean(),
});

export type SecuritySpec = z.infer<typeof securitySpec>;

export const workloadSpec = z.object({
  name: z.string(),
  zoneId,
  image: imageSpec,
  process: processSpec,
  annotations: z.array(keyValue),
  security: securitySpec,
  scratchMounts: z.array(z.string()),
  cgroupLimits: z.array(z.object({ name: z.string(), value: z.string() })),
  hostname: z.string(),
  oomScoreAdj: z.number().int().optional(),
});

export type WorkloadSpec = z.infer<typeof workloadSpec>;

/** Where a workload is in its life, with what belongs to that point alone. */
export const workloadStatus = z.discriminatedUnion('state', [
  z.object({ state: z.literal('creating') }),
  z.object({ state: z.literal('created') }),
  z.object({ state: z.literal('running') }),
  z.object({
    state: z.literal('completed'),
    exitCode: z.number().int(),
    signal: z.number().int(),
    oomKilled: z.boolean(),
  }),
  z.object({ state: z.literal('failed'), message: z.string() }),
  z.object({ state: z.literal('destroying') }),
  z.object({ state: z.literal('destroyed') }),
]);

export type WorkloadStatus = z.infer<typeof workloadStatus>;
export type WorkloadState = WorkloadStatus['state'];

/** All that the daemon keeps about one workload. */
export const workloadRecord = z.object({
  version: z.literal(1),
  id: workloadId,
  spec: workloadSpec,
  status: workloadStatus,
  desired: z.enum(['present', 'gone']),
  createdAtMs: z.number(),
  /** Counts the changes of this record; records of earlier releases have none. */
  revision: z.number().int().default(0),
  /** Counts the starts, from 1; 0 before the first. */
  run: z.number().int(),
});

export type WorkloadRecord = z.infer<typeof workloadRecord>;
