// Imports modules in a 32-bit MicroPython (WebAssembly) and says what each takes of its heap.
// MIT license; part of microevse
// usage: node footprint.mjs PACKAGE.mjs JOB.json   -> one JSON object: {"rows": [[name, bytes]]}
// A collection takes effect only after the script that asked for it has returned: each figure
// is two calls.
import fs from 'fs';
import { pathToFileURL } from 'url';

const [packagePath, jobPath] = process.argv.slice(2);
const job = JSON.parse(fs.readFileSync(jobPath));
const { loadMicroPython } = await import(pathToFileURL(packagePath));
let printed = [];
const mp = await loadMicroPython({
  heapsize: 8 * 1024 * 1024, linebuffer: true, stdout: (line) => printed.push(line),
});

function copy(from, to) {
  mp.FS.mkdirTree(to);
  for (const name of fs.readdirSync(from)) {
    const path = from + '/' + name;
    if (fs.statSync(path).isDirectory()) copy(path, to + '/' + name);
    else mp.FS.writeFile(to + '/' + name, fs.readFileSync(path));
  }
}

copy(job.stubs, '/stubs');
if (job.image) mp.FS.writeFile('/image', fs.readFileSync(job.image));
else copy(job.tree, '/rom');
mp.runPython(job.prepare);

function used() {
  mp.runPython('gc.collect()');
  mp.runPython('used = gc.mem_alloc()');
  return mp.globals.get('used');
}

function names() {
  printed = [];
  mp.runPython('micropython.qstr_info()');
  return Number(/n_qstr=(\d+)/.exec(printed.join(' '))[1]);
}

const before = names();
const rows = [];
let last = used();
for (const name of job.order) {
  mp.runPython('import ' + name);
  const now = used();
  rows.push([name, now - last]);
  last = now;
}
console.log(JSON.stringify({ rows, names: names() - before }));
