// Says whether a start of the installed OpenClaw would mend the config that it refuses as it is; writes nothing.
// These are OpenClaw's own functions: a release that names them otherwise gets no answer here, and never a wrong one.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const dist = process.argv[2];
const load = (name) => import(pathToFileURL(join(dist, name)).href);

async function functionsOf(source, names) {
  const found = {};
  for (const file of readdirSync(dist)) {
    if (!file.startsWith(`${source}-`) || !file.endsWith(".mjs")) continue;
    for (const value of Object.values(await load(file))) {
      if (typeof value === "function" && names.includes(value.name)) found[value.name] = value;
    }
  }
  return names.map((name) => found[name]);
}

const { readConfigFileSnapshot } = await load("config/config.js");
const [select, plan] = await functionsOf("automatic-startup-config-repair", [
  "resolveStartupConfigSnapshot",
  "planAutomaticConfigRepair",
]);
const snapshot = await readConfigFileSnapshot({ isolateEnv: true, observe: false });
const mended = snapshot.valid || Boolean(select(snapshot)?.valid && plan(snapshot));
process.stdout.write(`\n${JSON.stringify({ mended })}\n`, () => process.exit(0));
