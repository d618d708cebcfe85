// Small helpers for pictures that are readable on light pages and on dark ones: each has its own background.

const STYLE = `<style>
text { font: 13px system-ui, sans-serif; fill: #1b1b1b; text-anchor: middle }
.name { font-weight: 600; font-size: 14px }
.door { fill: #2f6f4f; font-size: 12px }
.note { fill: #575757; font-size: 12px }
.left { text-anchor: start }
.page { fill: #fff }
.box { fill: #f4f7f5; stroke: #767676 }
.open { fill: #e3f0e9; stroke: #2f6f4f }
.line { stroke: #767676; stroke-width: 1.25; fill: none; marker-end: url(#head) }
.thick { stroke-width: 3.5; stroke: #2f6f4f; marker-end: url(#thick) }
.lane { stroke: #bbb; stroke-dasharray: 4 4 }
#head path { fill: #767676 }
#thick path { fill: #2f6f4f }
@media (prefers-color-scheme: dark) {
  text { fill: #ececec } .door { fill: #7fcaa3 } .note { fill: #a8a8a8 } .page { fill: #141414 }
  .box { fill: #1c211e; stroke: #8c8c8c } .open { fill: #1d2b24; stroke: #7fcaa3 }
  .line { stroke: #a0a0a0 } .thick { stroke: #7fcaa3 } .lane { stroke: #555 }
  #head path { fill: #a0a0a0 } #thick path { fill: #7fcaa3 }
}
</style>
<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"
orient="auto"><path d="M0 0L8 4L0 8z"/></marker><marker id="thick" viewBox="0 0 8 8" refX="7" refY="4"
markerWidth="3.5" markerHeight="3.5" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>`;

/** Joins the parts of a picture. `title` is what a screen reader says of it. */
export function svg(
  width: number,
  height: number,
  title: string,
  parts: readonly string[],
): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">
<title>${title}</title>${STYLE}
<rect class="page" width="${width}" height="${height}" rx="8"/>
${parts.join("\n")}</svg>
`;
}

/** Writes text in the middle of `x`, or to the right of it if `kind` has `left`. */
export function text(x: number, y: number, content: string, kind = ""): string {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x}" y="${y}" class="${kind}">${escaped}</text>`;
}

/** Draws a box around the middle `x`, below `y`. */
export function box(x: number, y: number, width: number, height: number, kind: string): string {
  const left = x - width / 2;
  return `<rect class="${kind}" x="${left}" y="${y}" width="${width}" height="${height}" rx="8"/>`;
}

/** Draws an arrow along a path. */
export function arrow(path: string, kind = ""): string {
  return `<path class="${`line ${kind}`.trim()}" d="${path}"/>`;
}
