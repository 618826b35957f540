// Prints what Khronos's validator says of one .glb:  node validate.mjs NODE_MODULES FILE
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
const [modules, file] = process.argv.slice(2);
const validator = createRequire(modules + "/")("gltf-validator");
const report = await validator.validateBytes(new Uint8Array(readFileSync(file)), { maxIssues: 20 });
console.log(JSON.stringify(report));
