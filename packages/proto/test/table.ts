import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  type DescEnum,
  type DescField,
  type DescFile,
  type DescMessage,
  ScalarType,
} from '@bufbuild/protobuf';

/** The rows of a published wire table kept beside this file, without what only orders or dates them. */
export function readTable(name: string): string[] {
  const text = readFileSync(fileURLToPath(new URL(name, import.meta.url)), 'utf8');
  return text
    .split('\n')
    .slice(1)
    .filter((line) => line !== '' && !line.startsWith('file\t'))
    .map((line) => {
      const [kind, type, number, field, of, note] = line.split('\t');
      // The month in which a field was first seen is no part of the wire.
      return [kind, type, number, field, of, (note ?? '').replace(/^\d{4}-\d{2} ?/, '')].join('\t');
    })
    .sort();
}

/** The same rows, told from generated descriptors. */
export function describeFiles(files: readonly DescFile[]): string[] {
  return files
    .flatMap((file) => [
      ...file.services.flatMap((service) =>
        service.methods.map((method) =>
          [
            'method',
            service.typeName,
            '',
            method.name,
            `${method.input.typeName} -> ${method.output.typeName}`,
            method.methodKind,
          ].join('\t'),
        ),
      ),
      ...file.messages.flatMap(describeMessage),
      ...file.enums.flatMap(describeEnum),
    ])
    .sort();
}

function describeMessage(message: DescMessage): string[] {
  const nested = [
    ...message.nestedMessages.filter((child) => !isMapEntry(child)).flatMap(describeMessage),
    ...message.nestedEnums.flatMap(describeEnum),
  ];
  if (message.fields.length === 0) return [`message\t${message.typeName}\t\t\t(no fields)\t`, ...nested];
  return [...message.fields.map((field) => describeField(message, field)), ...nested];
}

function isMapEntry(message: DescMessage): boolean {
  return message.proto.options?.mapEntry === true;
}

function describeField(message: DescMessage, field: DescField): string {
  const note =
    field.oneof !== undefined ? `oneof ${field.oneof.name}` : field.proto.proto3Optional ? 'optional' : '';
  return ['field', message.typeName, field.number, field.name, typeOf(field), note].join('\t');
}

function typeOf(field: DescField): string {
  switch (field.fieldKind) {
    case 'scalar':
      return scalarName(field.scalar);
    case 'enum':
      return field.enum.typeName;
    case 'message':
      return field.message.typeName;
    case 'list':
      return `repeated ${elementName(field)}`;
    case 'map':
      return `map<${scalarName(field.mapKey)},${field.mapKind === 'scalar' ? scalarName(field.scalar) : field.mapKind === 'enum' ? field.enum.typeName : field.message.typeName}>`;
  }
}

function elementName(field: DescField & { fieldKind: 'list' }): string {
  if (field.listKind === 'scalar') return scalarName(field.scalar);
  return field.listKind === 'enum' ? field.enum.typeName : field.message.typeName;
}

function scalarName(type: ScalarType): string {
  return (ScalarType[type] ?? 'unknown').toLowerCase();
}

function describeEnum(desc: DescEnum): string[] {
  return desc.values.map((value) => ['enum', desc.typeName, value.number, value.name, '', ''].join('\t'));
}
