// `npm run build`: what is made from the sources before it runs.
import '../zone/build.ts';
import { step } from '../zone/step.ts';
import { bundleCli } from './bundle-cli.ts';

await step('protect: one file', () => bundleCli());
