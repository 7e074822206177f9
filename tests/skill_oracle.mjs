// Runs OpenClaw's own frontmatter loader over a batch of texts, in one process.
// Usage: node skill_oracle.mjs <package folder> < cases.jsonl > results.jsonl
// A case is {"content": base64 of the file's bytes, "folder": name}. The result has what the loader
// makes of it: {"ok", "name", "description", "error", "fields", "metadata"}.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const dist = path.join(process.argv[2], "dist");

// The file names carry a hash that changes with the version, and exports are shortened to letters.
async function find(functionName) {
  for (const file of fs.readdirSync(dist)) {
    if (!file.startsWith("frontmatter-") || !/\.m?js$/.test(file)) continue;
    const text = fs.readFileSync(path.join(dist, file), "utf8");
    const exported = text.match(new RegExp(`\\b${functionName} as (\\w+)`));
    if (exported && text.includes(`function ${functionName}(`)) {
      return (await import(pathToFileURL(path.join(dist, file)).href))[exported[1]];
    }
  }
  throw new Error(`${functionName} is not in ${dist}`);
}

const parseSkillFrontmatter = await find("parseSkillFrontmatter");
const resolveSkillManifestMetadata = await find("resolveSkillManifestMetadata");
console.warn = () => {};
process.removeAllListeners("warning");
process.on("warning", () => {});

function load(test) {
  const content = Buffer.from(test.content, "base64").toString("utf8");
  try {
    const fields = parseSkillFrontmatter(content);
    const name = fields.name?.trim() || test.folder.trim();
    const description = fields.description?.trim();
    const metadata = resolveSkillManifestMetadata(fields);
    const error = !name ? "name is required" : !description ? "description is required" : null;
    return { ok: !error, name: name ?? null, description: description || null, error, fields, metadata };
  } catch (error) {
    return { ok: false, name: null, description: null, error: String(error.message) };
  }
}

const out = [];
for (const line of fs.readFileSync(0, "utf8").split("\n")) {
  if (line) out.push(JSON.stringify(load(JSON.parse(line))));
}
fs.writeFileSync(1, out.join("\n") + "\n");
