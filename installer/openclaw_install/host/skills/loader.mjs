// Reads frontmatter blocks with OpenClaw's own loader; run by skill_loader.py as
//   node loader.mjs <package folder> < questions.jsonl > answers.jsonl
// A question is {"id", "block"}: the text between a SKILL.md's delimiters. Its answer is {"id", "fields"} or
// {"id", "error"}. Texts are parsed as data; nothing that they say is run. Answers are written one by one, so
// that those before a text that takes too long are not lost.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const MAX_ANSWER_LENGTH = 4_000_000;
const MAX_LENGTH_OF_ALL = 64_000_000;
const LOADER = "parseSkillFrontmatter";
const dist = path.join(process.argv[2], "dist");

// The files' names carry a hash that changes with the version, and exports are shortened to letters.
async function loader() {
  for (const file of fs.readdirSync(dist)) {
    if (!file.startsWith("frontmatter-") || !/\.m?js$/.test(file)) continue;
    const text = fs.readFileSync(path.join(dist, file), "utf8");
    const exported = text.match(new RegExp(`\\b${LOADER} as (\\w+)`));
    if (exported && text.includes(`function ${LOADER}(`)) {
      return (await import(pathToFileURL(path.join(dist, file)).href))[exported[1]];
    }
  }
  throw new Error(`${LOADER} is not in ${dist}`);
}

function answer(parse, { id, block }) {
  try {
    return JSON.stringify({ id, fields: parse(`---\n${block}\n---\n`) });
  } catch (error) {
    return JSON.stringify({ id, error: String(error.message) });
  }
}

console.warn = () => {}; // what the YAML library has to say about a text is no answer
process.removeAllListeners("warning");
process.on("warning", () => {});

const parse = await loader();
let left = MAX_LENGTH_OF_ALL;
for (const line of fs.readFileSync(0, "utf8").split("\n")) {
  const text = line && answer(parse, JSON.parse(line));
  if (!text || text.length > Math.min(MAX_ANSWER_LENGTH, left)) continue;
  left -= text.length;
  fs.writeSync(1, `${text}\n`);
}
