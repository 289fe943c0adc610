import type { ZoneId } from '@protect/config/ids';
import type { DiskRecord, DiskSource, RetainedZone, ScratchSource, ZoneRecord } from './zone-record.ts';

/** What PrepareZone has to do. */
export type PreparePlan =
  | { readonly kind: 'make' }
  /** Everything of the older generation goes first. */
  | { readonly kind: 'replace' }
  | { readonly kind: 'repeat' }
  | Refusal;

/** What ProvideDisk has to do; `repeat` makes what is missing and changes nothing else. */
export type ProvidePlan = { readonly kind: 'make' } | { readonly kind: 'repeat' } | Refusal;

/** What WithdrawDisk has to do. */
export type WithdrawPlan = { readonly kind: 'remove' } | { readonly kind: 'nothing' } | Refusal;

/** Why a request cannot be carried out in the present state. */
export interface Refusal {
  readonly kind: 'refuse';
  readonly reason: string;
}

/** One step that Configure takes to hold no more than the daemon wants. */
export type RetainAction =
  | { readonly kind: 'free-zone'; readonly zoneId: ZoneId }
  | { readonly kind: 'withdraw'; readonly zoneId: ZoneId; readonly serial: string };

interface PrepareWish {
  readonly zoneId: ZoneId;
  readonly generation: bigint;
  readonly uid: number;
  readonly scratch: ScratchSource | undefined;
}

interface DiskWish {
  readonly zoneId: ZoneId;
  readonly generation: bigint;
  readonly serial: string;
  readonly readOnly: boolean;
  readonly source: DiskSource;
}

/** Compares what PrepareZone asks for with what is held. */
export function planPrepare(held: ZoneRecord | undefined, wish: PrepareWish): PreparePlan {
  if (held === undefined) return { kind: 'make' };
  if (wish.generation < held.generation) return stale(wish.zoneId, wish.generation, held.generation);
  if (wish.generation > held.generation) return { kind: 'replace' };
  if (wish.uid !== held.uid || !sameScratch(wish.scratch, held.scratch)) {
    return refuse(
      `zone ${wish.zoneId} was prepared in generation ${held.generation} with another user or scratch disk; prepare it anew with a higher generation`,
    );
  }
  return { kind: 'repeat' };
}

/** Compares what ProvideDisk asks for with what is held. */
export function planProvide(held: ZoneRecord | undefined, wish: DiskWish): ProvidePlan {
  if (held === undefined || wish.generation > held.generation) return unprepared(wish);
  if (wish.generation < held.generation) return stale(wish.zoneId, wish.generation, held.generation);
  const disk = held.disks.get(wish.serial);
  if (disk === undefined) return { kind: 'make' };
  if (!sameDisk(disk, wish)) {
    return refuse(
      `zone ${wish.zoneId} already has another disk with serial ${wish.serial}; withdraw it first or choose another serial`,
    );
  }
  return { kind: 'repeat' };
}

/** Compares what WithdrawDisk asks for with what is held; absent zones and disks are no error. */
export function planWithdraw(
  held: ZoneRecord | undefined,
  wish: { readonly zoneId: ZoneId; readonly generation: bigint; readonly serial: string },
): WithdrawPlan {
  if (held === undefined) return { kind: 'nothing' };
  if (wish.generation < held.generation) return stale(wish.zoneId, wish.generation, held.generation);
  if (wish.generation > held.generation || !held.disks.has(wish.serial)) return { kind: 'nothing' };
  return { kind: 'remove' };
}

/**
 * What to give up so that only `retained` stays. A zone that is held in an older generation than the
 * retained one is freed: its hypervisor is gone. `folders` are the zones that have a disk folder, known
 * here or not. The scratch disk lives as long as its zone and needs no mention.
 */
export function planRetain(
  held: Iterable<ZoneRecord>,
  folders: Iterable<ZoneId>,
  retained: Iterable<RetainedZone>,
): RetainAction[] {
  const keep = new Map([...retained].map((zone) => [zone.zoneId, zone]));
  const actions: RetainAction[] = [];
  const freed = new Set<ZoneId>();
  for (const zone of held) {
    const wanted = keep.get(zone.zoneId);
    if (wanted === undefined || zone.generation < wanted.generation) {
      freed.add(zone.zoneId);
      actions.push({ kind: 'free-zone', zoneId: zone.zoneId });
    } else if (zone.generation === wanted.generation) {
      for (const serial of zone.disks.keys()) {
        if (!wanted.serials.has(serial)) actions.push({ kind: 'withdraw', zoneId: zone.zoneId, serial });
      }
    }
  }
  for (const zoneId of folders) {
    if (!keep.has(zoneId) && !freed.has(zoneId)) actions.push({ kind: 'free-zone', zoneId });
  }
  return actions;
}

function sameScratch(a: ScratchSource | undefined, b: ScratchSource | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.kind === 'file') return b.kind === 'file' && a.sizeBytes === b.sizeBytes;
  return b.kind === 'named' && a.name === b.name;
}

function sameDisk(held: DiskRecord, wish: DiskWish): boolean {
  return held.readOnly === wish.readOnly && sourceText(held.source) === sourceText(wish.source);
}

function sourceText(source: DiskSource): string {
  return `${source.kind}:${source.kind === 'named' ? source.name : source.path}`;
}

function stale(zoneId: ZoneId, asked: bigint, held: bigint): Refusal {
  return refuse(`generation ${asked} of zone ${zoneId} is stale; generation ${held} has been prepared since`);
}

function unprepared(wish: DiskWish): Refusal {
  return refuse(
    `zone ${wish.zoneId} is not prepared in generation ${wish.generation}; call PrepareZone before ProvideDisk`,
  );
}

function refuse(reason: string): Refusal {
  return { kind: 'refuse', reason };
}
