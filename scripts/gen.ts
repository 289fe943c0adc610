// `npm run gen`: everything that is generated and committed.
import { generateProto } from './generated-code.ts';

await generateProto();
