// Preloaded (`--import`) into a flanctl under test: writes every module that is loaded to the file named by RECORD_MODULES, ES modules as
// the loader asks for them, CommonJS ones from its cache at the end (what a CommonJS package requires does not pass the hooks on Node 20).
import {appendFileSync} from 'node:fs';
import module, {createRequire} from 'node:module';

const hooks = `
import {appendFileSync} from 'node:fs';
export async function load(url, context, next) {
  appendFileSync(${JSON.stringify(process.env['RECORD_MODULES'])}, url + '\\n');
  return next(url, context);
}`;
module.register(`data:text/javascript,${encodeURIComponent(hooks)}`);
const {cache} = createRequire(import.meta.url);
process.on('exit', () =>
  appendFileSync(
    process.env['RECORD_MODULES'],
    Object.keys(cache)
      .map((path) => `file://${path}\n`)
      .join(''),
  ),
);
