// Answers, a line of JSON for each config given as a line of JSON, what the real OpenClaw's own functions say.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const dist = process.argv[2];
const sources = readdirSync(dist).filter((name) => name.endsWith(".mjs"));

// The bundled files have hashed names and short export names, so a function is found by its definition.
async function find(name) {
  for (const file of sources) {
    const text = readFileSync(join(dist, file), "utf8");
    if (!text.includes(`function ${name}(`)) continue;
    const exported = text.slice(text.lastIndexOf("export {"));
    const alias = exported.match(new RegExp(`\\b${name} as (\\w+)`))?.[1] ?? name;
    const found = (await import(pathToFileURL(join(dist, file)).href))[alias];
    if (typeof found === "function") return found;
  }
  throw new Error(`no function ${name} in ${dist}`);
}

const [validate, resolve, audit, auditSecrets, moveRoster] = await Promise.all(
  [
    "validateConfigObjectRaw",
    "resolveHooksConfig",
    "collectHooksHardeningFindings",
    "collectSecretsInConfigFindings",
    "migratePersistedImplicitMainRoster",
  ].map(find),
);

function verdict(raw, env) {
  const config = moveRoster(raw, { env: {}, homedir: () => "/nowhere" }).config;
  const checked = validate(config);
  if (!checked.ok) return { ok: false, schema: checked.issues.map((issue) => issue.path) };
  const found = [...audit(config, env), ...auditSecrets(config)].map((f) => [f.checkId, f.severity]);
  try {
    const hooks = resolve(config);
    if (!hooks) return { ok: true, audit: found };
    const { allowedAgentIds, knownAgentIds, defaultAgentId } = hooks.agentPolicy;
    const agents = {
      allowed: allowedAgentIds ? [...allowedAgentIds] : null,
      known: [...knownAgentIds],
      default: defaultAgentId ?? null,
    };
    const session = hooks.sessionPolicy;
    return {
      ok: true,
      audit: found,
      policy: {
        path: hooks.basePath,
        prefixes: session.allowedSessionKeyPrefixes ?? null,
        default_key: session.defaultSessionKey ?? null,
        request_keys: session.allowRequestSessionKey,
        agents,
      },
    };
  } catch (error) {
    return { ok: false, audit: found, error: error.message };
  }
}

process.stdout.write("ready\n");
for await (const line of createInterface({ input: process.stdin })) {
  const { config, env } = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(verdict(config, env))}\n`);
}
process.exit(0);
