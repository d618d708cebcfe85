import assert from "node:assert/strict";
import { delayAfter, type Gap } from "./outage.ts";

const gap = (from: number, to: number): Gap => ({ from, to });

Deno.test("delayAfter() counts from the moment at which the cluster works again", () => {
  assert.equal(delayAfter([gap(1000, 4000)], [gap(900, 5500)]), 1500);
});

Deno.test("delayAfter() does not count while the cluster fails", () => {
  assert.equal(delayAfter([gap(1000, 4000)], [gap(1200, 3900)]), 0);
  assert.equal(delayAfter([gap(1000, 4000), gap(4500, 7000)], [gap(900, 7000)]), 0);
});

Deno.test("delayAfter() counts all of a gap that the cluster has no part in", () => {
  assert.equal(delayAfter([gap(1000, 2000)], [gap(900, 2000), gap(8000, 9500)]), 1500);
  assert.equal(delayAfter([gap(9600, 9900)], [gap(8000, 9500)]), 1500);
});

Deno.test("delayAfter() is the longest of several delays, and 0 without any", () => {
  assert.equal(delayAfter([], [gap(0, 400), gap(1000, 2000), gap(3000, 3500)]), 1000);
  assert.equal(delayAfter([gap(0, 400)], []), 0);
});
