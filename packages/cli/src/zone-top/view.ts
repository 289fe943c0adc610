import { timestampMs } from '@bufbuild/protobuf/wkt';
import { type Zone, ZoneState, ZoneStateSchema } from '@protect/proto/control-common';
import { formatBytes } from '../bytes.ts';
import { type Colour, inColour } from '../colours.ts';
import { displayWidth, fitColumns, padColumns } from '../display-width.ts';
import { formatSeconds } from '../durations.ts';
import { printable } from '../printable.ts';
import { shortName } from '../short-name.ts';
import { zoneStateColour } from '../zone-listing.ts';
import type { TopSample, ZoneSample, ZoneUse } from './sample.ts';

/** Orders of the rows, in the order that a key steps through. */
export const sortOrders = ['name', 'used memory', 'busy', 'status'] as const;

export interface TopView {
  readonly sort: (typeof sortOrders)[number];
  /** Rows left out at the top. */
  readonly scroll: number;
  /** Told in the last line instead of the keys. */
  readonly notice: string | undefined;
}

export interface TopFrame {
  readonly lines: readonly string[];
  /** The view with its scroll kept inside the rows there are. */
  readonly scroll: number;
}

interface Column {
  readonly title: string;
  readonly alignRight: boolean;
  /** Columns with larger numbers are left out first where there is little room; 0 always stays. */
  readonly expendable: number;
  readonly text: (sample: ZoneSample, nowMs: number) => string;
  readonly colour?: (zone: Zone) => Colour | undefined;
}

const mib = 1024 ** 2;

const columns: readonly Column[] = [
  { title: 'name', alignRight: false, expendable: 0, text: ({ zone }) => zone.spec?.name ?? '' },
  { title: 'id', alignRight: false, expendable: 4, text: ({ zone }) => zone.id },
  {
    title: 'status',
    alignRight: false,
    expendable: 0,
    text: ({ zone }) => shortName(ZoneStateSchema, stateOf(zone)),
    colour: (zone) => zoneStateColour(stateOf(zone)),
  },
  { title: 'up', alignRight: true, expendable: 5, text: ({ zone }, nowMs) => upTime(zone, nowMs) },
  { title: 'cpus', alignRight: true, expendable: 3, text: ({ zone }) => cpus(zone) },
  { title: 'busy', alignRight: true, expendable: 2, text: ({ use }) => busy(use) },
  { title: 'total memory', alignRight: true, expendable: 1, text: (sample) => bytes(totalMemory(sample)) },
  { title: 'used memory', alignRight: true, expendable: 0, text: ({ use }) => bytes(use?.memory.used) },
  { title: 'free memory', alignRight: true, expendable: 2, text: ({ use }) => bytes(use?.memory.free) },
];

/** The whole screen: a line about the host, the zones, and a line about keys. */
export function topFrame(
  sample: TopSample,
  view: TopView,
  size: { readonly rows: number; readonly columns: number },
  options: { readonly colours: boolean; readonly nowMs: number },
): TopFrame {
  const zones = [...sample.zones].sort(comparators[view.sort]);
  const room = Math.max(1, size.rows - 5);
  const scroll = Math.min(Math.max(0, view.scroll), Math.max(0, zones.length - room));
  const shown = zones.slice(scroll, scroll + room);
  const { header, rows } = zoneTable(zones, shown, size.columns, options);
  const hidden = zones.length - shown.length;
  const more = hidden === 0 ? '' : `  ${scroll + 1}-${scroll + shown.length} of ${zones.length}`;
  const keys = `q quit  s sort (${view.sort})  ↑↓ scroll${more}`;
  const notice = view.notice ?? sample.withoutMetrics;
  const fit = (line: string) => fitColumns(printable(line), size.columns);
  return {
    scroll,
    lines: [
      fit(hostLine(sample)),
      fit(stateLine(sample)),
      `\x1b[7m${padColumns(header, size.columns)}\x1b[27m`,
      ...rows,
      ...Array.from({ length: room - rows.length }, () => ''),
      notice === undefined ? '' : fit(notice),
      fit(keys),
    ].slice(0, size.rows),
  };
}

/** The zones alone, for where no screen can be drawn. */
export function topLines(sample: TopSample, nowMs: number): string[] {
  const zones = [...sample.zones].sort(comparators.name);
  const { header, rows } = zoneTable(zones, zones, Number.POSITIVE_INFINITY, { colours: false, nowMs });
  return [header, ...rows].map((line) => line.trimEnd());
}

function zoneTable(
  all: readonly ZoneSample[],
  shown: readonly ZoneSample[],
  room: number,
  { colours, nowMs }: { readonly colours: boolean; readonly nowMs: number },
): { header: string; rows: string[] } {
  const text = (column: Column, sample: ZoneSample) => printable(column.text(sample, nowMs));
  // Widths come from all rows, so that scrolling moves no column.
  const measured = columns.map((column) => ({
    column,
    width: Math.max(column.title.length, ...all.map((sample) => displayWidth(text(column, sample)))),
  }));
  const fitted = fittingColumns(measured, room);
  const cell = (content: string, { column, width }: Measured) => {
    const fits = fitColumns(content, width);
    return column.alignRight
      ? ' '.repeat(Math.max(0, width - displayWidth(fits))) + fits
      : padColumns(fits, width);
  };
  return {
    header: fitted.map((one) => cell(one.column.title, one)).join('  '),
    rows: shown.map((sample) =>
      fitted
        .map((one) => {
          const content = cell(text(one.column, sample), one);
          const colour = colours ? one.column.colour?.(sample.zone) : undefined;
          return colour === undefined ? content : inColour(content, colour);
        })
        .join('  '),
    ),
  };
}

interface Measured {
  readonly column: Column;
  readonly width: number;
}

/** Leaves columns out until the rest fits. */
function fittingColumns(measured: readonly Measured[], room: number): Measured[] {
  const total = (of: readonly Measured[]) => of.reduce((sum, { width }) => sum + width + 2, -2);
  let left = [...measured];
  while (total(left) > room) {
    const worst = Math.max(...left.map(({ column }) => column.expendable));
    if (worst === 0) break;
    left = left.filter(({ column }) => column.expendable !== worst);
  }
  return cutToRoom(left, room);
}

/** Cuts the name, and where that is not enough whatever is beyond the edge. */
function cutToRoom(measured: readonly Measured[], room: number): Measured[] {
  const excess = measured.reduce((sum, { width }) => sum + width + 2, -2) - room;
  let left = room;
  const cut: Measured[] = [];
  for (const [index, one] of measured.entries()) {
    const wanted = index === 0 && excess > 0 ? Math.max(4, one.width - excess) : one.width;
    if (left <= 0) break;
    cut.push({ ...one, width: Math.min(wanted, left) });
    left -= wanted + 2;
  }
  return cut;
}

const comparators: Record<TopView['sort'], (a: ZoneSample, b: ZoneSample) => number> = {
  name: byName,
  'used memory': (a, b) => (b.use?.memory.used ?? -1) - (a.use?.memory.used ?? -1) || byName(a, b),
  busy: (a, b) => (b.use?.busyPercent ?? -1) - (a.use?.busyPercent ?? -1) || byName(a, b),
  status: (a, b) => stateOf(a.zone) - stateOf(b.zone) || byName(a, b),
};

function byName(a: ZoneSample, b: ZoneSample): number {
  const key = ({ zone }: ZoneSample) => `${zone.spec?.name ?? ''}\0${zone.id}`;
  return key(a) < key(b) ? -1 : 1;
}

function hostLine({ host }: TopSample): string {
  const free =
    host.hypFreeMem === undefined ? '' : `  ${formatBytes(Number(host.hypFreeMem))} free for zones`;
  return `protect ${host.protectVersion}  host ${host.hostUuid}${free}`;
}

function stateLine({ zones }: TopSample): string {
  const counts = new Map<string, number>();
  for (const { zone } of zones) {
    const name = shortName(ZoneStateSchema, stateOf(zone));
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const parts = [...counts].map(([name, count]) => `${count} ${name}`).join(', ');
  return `${zones.length} ${zones.length === 1 ? 'zone' : 'zones'}${parts === '' ? '' : `: ${parts}`}`;
}

function stateOf(zone: Zone): ZoneState {
  return zone.status?.state ?? ZoneState.UNKNOWN;
}

function upTime(zone: Zone, nowMs: number): string {
  const readyAt = zone.status?.readyAt;
  if (readyAt === undefined || stateOf(zone) !== ZoneState.READY) return '';
  return formatSeconds(Math.max(0, Math.floor((nowMs - timestampMs(readyAt)) / 1000)));
}

function cpus(zone: Zone): string {
  const active = zone.status?.resourceStatus?.activeResources?.targetCpus;
  return active === undefined || active === 0 ? '' : String(active);
}

function busy(use: ZoneUse | undefined): string {
  return use?.busyPercent === undefined ? '' : `${Math.round(use.busyPercent)} %`;
}

/** What the zone's kernel has, else what the zone was given. */
function totalMemory({ zone, use }: ZoneSample): number | undefined {
  const given = Number(zone.status?.resourceStatus?.activeResources?.targetMemory ?? 0n) * mib;
  return use?.memory.total ?? (given === 0 ? undefined : given);
}

function bytes(value: number | undefined): string {
  return value === undefined ? '' : formatBytes(value);
}
