// Finds many hosts with OpenClaw's own functions in one process. Input on stdin: {package, cases: [{env, profile}]},
// output: for each case the environment that `--profile` leaves, and state folder, config and port by it; null where
// OpenClaw refuses the profile's name.
import fs from "node:fs";
import path from "node:path";

const input = JSON.parse(fs.readFileSync(0, "utf8"));
const dist = path.join(input.package, "dist");

async function named(name, prefix) {
  for (const file of fs.readdirSync(dist)) {
    if (!file.startsWith(prefix) || !file.endsWith(".mjs")) continue;
    const text = fs.readFileSync(path.join(dist, file), "utf8");
    const exported = text.match(new RegExp(`\\b${name} as (\\w+)`));
    if (text.includes(`function ${name}(`) && exported) return (await import(path.join(dist, file)))[exported[1]];
  }
  throw new Error(`OpenClaw has no ${name}`);
}

const applyCliProfileEnv = await named("applyCliProfileEnv", "profile-");
const resolveStateDir = await named("resolveStateDir", "paths-");
const resolveConfigPath = await named("resolveConfigPath", "paths-");
const resolveGatewayPort = await named("resolveGatewayPort", "paths-");

console.log(JSON.stringify(input.cases.map(({ env, profile }) => {
  try {
    if (profile !== null) applyCliProfileEnv({ profile, env });
  } catch {
    return null;
  }
  const state = resolveStateDir(env);
  return { env, state, config: resolveConfigPath(env, state), port: resolveGatewayPort({}, env) };
})));
