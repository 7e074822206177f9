// Reads many configs with OpenClaw's own reader in one process. Input on stdin: {package, cases: [{path, env}]},
// output: for each case whether it could be read, the merged and resolved values, and what had no value; with
// `served`, also the agent that serves a hook request without a name after a start, and its workspace.
import { createRequire } from "node:module";
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const input = JSON.parse(fs.readFileSync(0, "utf8"));
const dist = path.join(input.package, "dist");

// JSON has no NaN and Infinity, and an own `__proto__` must survive: everything is tagged.
function tagged(value) {
  if (typeof value === "number") return { number: String(Object.is(value, -0) ? 0 : value) };
  if (Array.isArray(value)) return { list: value.map(tagged) };
  if (value && typeof value === "object") {
    return { object: Object.entries(value).map(([key, child]) => [key, tagged(child)]) };
  }
  return { plain: value };
}

function parseTexts(texts) {
  const json5 = createRequire(path.join(dist, "x.mjs"))("json5");
  return texts.map((text) => {
    try {
      try {
        return { ok: true, value: tagged(JSON.parse(text)) };
      } catch {
        return { ok: true, value: tagged(json5.parse(text)) };
      }
    } catch (error) {
      return { ok: false, error: String(error.message) };
    }
  });
}

async function named(names) {
  const found = {};
  for (const file of fs.readdirSync(dist).filter((name) => name.endsWith(".mjs"))) {
    const text = fs.readFileSync(path.join(dist, file), "utf8");
    for (const name of names.filter((name) => !found[name] && text.includes(`function ${name}(`))) {
      const alias = text.slice(text.lastIndexOf("export {")).match(new RegExp(`\\b${name} as (\\w+)`))?.[1] ?? name;
      const value = (await import(pathToFileURL(path.join(dist, file)).href))[alias];
      if (typeof value === "function") found[name] = value;
    }
  }
  return found;
}

async function servant() {
  const own = await named([
    ...["planAutomaticConfigRepair", "resolveHooksConfig", "resolveEffectiveHookTargetAgentId"],
    ...["resolveAgentWorkspaceDir", "listAgentIds"],
  ]);
  return (snapshot) => {
    // What a start does with a file of an older form, before anything uses it.
    const config = snapshot.valid ? snapshot.config : own.planAutomaticConfigRepair(snapshot)?.snapshot.config;
    if (!config) return null;
    const target = own.resolveEffectiveHookTargetAgentId(own.resolveHooksConfig(config), undefined, "request");
    const agent = target.ok ? target.effectiveAgentId : null;
    return { agent, workspace: own.resolveAgentWorkspaceDir(config, agent ?? own.listAgentIds(config)[0]) };
  };
}

async function readConfigs(cases) {
  const served = input.served ? await servant() : () => undefined;
  const holdsReader = (name) => fs.readFileSync(path.join(dist, name), "utf8").includes("createConfigIO,");
  const file = fs.readdirSync(dist).find((name) => /^io-.*\.mjs$/.test(name) && holdsReader(name));
  const { createConfigIO } = await import(pathToFileURL(path.join(dist, file)).href);
  const results = [];
  for (const { path: configPath, env } of cases) {
    for (const name of Object.keys(process.env)) delete process.env[name];
    Object.assign(process.env, env);
    const io = createConfigIO({ configPath, logger: { warn() {}, error() {}, info() {}, debug() {} }, observe: false });
    const snapshot = await io.readConfigFileSnapshot();
    results.push({
      exists: snapshot.exists,
      served: served(snapshot),
      issues: snapshot.issues,
      warnings: snapshot.warnings,
      resolved: tagged(snapshot.sourceConfigBeforeMigrations ?? snapshot.resolved),
      authored: tagged(snapshot.authoredConfig ?? null),
    });
  }
  return results;
}

console.warn = () => {};
const answer = { texts: parseTexts(input.texts ?? []), configs: await readConfigs(input.cases ?? []) };
process.stdout.write(JSON.stringify(answer), () => process.exit(0));
