import { Document, isScalar, visit } from 'yaml';
import { escapeControls, hasUnescapedControls } from './escape-controls.ts';

/** Blanks at the edge of a line, which block text does not keep in every case. */
const blanksAtEdges = /\n[ \t]|[ \t]\n|^[ \t\n]|[ \t]$/;

/** YAML that reads back as the same and moves no cursor: what needs it is in double quotes, and escaped there. */
export function yamlText(value: unknown): string {
  const document = new Document(value);
  visit(document, {
    Scalar(_key, node) {
      if (!isScalar(node) || typeof node.value !== 'string') return;
      const multiline = node.value.includes('\n');
      if (hasUnescapedControls(node.value) || (multiline && blanksAtEdges.test(node.value))) {
        node.type = 'QUOTE_DOUBLE';
      }
    },
  });
  return escapeControls(document.toString({ lineWidth: 0 }));
}
