// `npm run gen`: everything that is generated and committed.
import { generateDocs, generateProto } from './generated-code.ts';

await generateProto();
await generateDocs();
