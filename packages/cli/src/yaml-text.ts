import { Document, isScalar, visit } from 'yaml';
import { escapeControls, hasUnescapedControls } from './escape-controls.ts';

/** YAML that moves no cursor: text with control characters is in double quotes, where they can be escaped. */
export function yamlText(value: unknown): string {
  const document = new Document(value);
  visit(document, {
    Scalar(_key, node) {
      if (isScalar(node) && typeof node.value === 'string' && hasUnescapedControls(node.value)) {
        node.type = 'QUOTE_DOUBLE';
      }
    },
  });
  return escapeControls(document.toString());
}
