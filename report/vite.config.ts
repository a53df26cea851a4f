import { defineConfig } from "vite";
import { viteSingleFile } from "vite-plugin-singlefile";

// One file with everything in it: it is opened from a disk, where no other file can be asked for.
export default defineConfig({
  plugins: [viteSingleFile({ removeViteModuleLoader: true })],
  build: { outDir: process.env.QUIRE_REPORT_DIR ?? "dist", emptyOutDir: true, target: "es2020" },
});
